"""What a teacher needs: every number of a filtering, explained."""
