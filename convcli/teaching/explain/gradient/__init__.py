"""The gradients of one output value or of a loss: formulas, numbers, figure."""
