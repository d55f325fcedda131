/** A setting that cannot be; the message is one sentence, as the command writes it. */
export class UsageError extends Error {
  constructor(message) {
    super(message);
    this.name = "UsageError";
  }
}
