/** A setting that cannot be; the message is one sentence, as the command writes it. */
export class UsageError extends Error {
  constructor(message) {
    super(message);
    this.name = "UsageError";
  }
}

/** Return what a function returns; put a name before the message of a UsageError. */
export function prefixErrors(name, act) {
  try {
    return act();
  } catch (error) {
    if (error instanceof UsageError) {
      error.message = `${name}: ${error.message}`;
    }
    throw error;
  }
}
