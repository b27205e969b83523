/** What the server answered to a subscription or a call, with its stable type. */
export class LiveError extends Error {
  override readonly name = "LiveError";

  constructor(
    /** HTTP status of the mistake. */
    readonly code: number,
    /** Stable name for machines, as `thread_not_found`. */
    readonly type: string,
    message: string,
    /** Seconds after which another try makes sense, if the server said so. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The connection is over for good: closed by the caller, or refused by the server. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";

  constructor(
    /** Close code of the WebSocket (RFC 6455, 7.4), or 1000 if the caller closed. */
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}
