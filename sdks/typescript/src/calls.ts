import { LiveError } from "./errors.js";
import type { ClientFrame, Cursor, Method, ResultFrame } from "./frames.js";

/** Largest frame that the server takes, in bytes of UTF-8: a larger one would end the connection. */
const MAX_FRAME_BYTES = 2 * 1024 * 1024;
/** Most calls that wait for their answer. */
const MAX_PENDING = 10_000;

export interface CallOptions {
  /** JSON. */
  body?: unknown;
  /**
   * Names the wish, so that a call that is sent again after a loss is granted once. Made by chance for writes; `null` for
   * routes that take none, whose calls are then not sent again.
   */
  idempotencyKey?: string | null;
}

export interface CallResult<T> {
  status: number;
  body: T;
  /** The place in the log that the answer stands for. */
  cursor?: Cursor;
}

interface Pending {
  frame: Extract<ClientFrame, { type: "call" }>;
  /** Whether it may be sent again when its answer was lost. */
  repeatable: boolean;
  sent: boolean;
  resolve(result: CallResult<any>): void;
  reject(error: Error): void;
}

/** Calls that wait for their answer, over all connections. */
export class Calls {
  readonly #pending = new Map<string, Pending>();
  #next = 0;

  constructor(private readonly send: (frame: ClientFrame) => boolean) {}

  call<T>(method: Method, path: string, options: CallOptions): Promise<CallResult<T>> {
    if (this.#pending.size >= MAX_PENDING) {
      return Promise.reject(new Error(`more than ${MAX_PENDING} calls wait for their answer`));
    }
    const id = `c${++this.#next}`;
    const key = options.idempotencyKey === undefined && method !== "GET" ? randomKey() : options.idempotencyKey;
    const frame: Pending["frame"] = {
      type: "call",
      id,
      method,
      path,
      ...(key && { headers: { "Idempotency-Key": key } }),
      ...(options.body !== undefined && { body: options.body }),
    };
    const fault = unsendable(frame);
    if (fault) return Promise.reject(fault);
    return new Promise((resolve, reject) => {
      const repeatable = method === "GET" || Boolean(key);
      const pending: Pending = { frame, repeatable, sent: false, resolve, reject };
      this.#pending.set(id, pending);
      pending.sent = this.send(frame);
    });
  }

  take(frame: ResultFrame): void {
    const pending = this.#pending.get(frame.id);
    if (!pending) return;
    this.#pending.delete(frame.id);
    const { status, body, cursor } = frame;
    if (status < 400) {
      pending.resolve({ status, body, ...(cursor !== undefined && { cursor }) });
      return;
    }
    const error = (body ?? {}) as { type?: string; message?: string };
    pending.reject(new LiveError(status, error.type ?? "", error.message ?? `status ${status}`, frame.retryAfter));
  }

  /** Whether the id is one of a call. */
  refuse(id: string, error: LiveError): boolean {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.reject(error);
    return pending !== undefined;
  }

  /** A new connection is there: sends what has no answer yet. */
  sendAgain(): void {
    for (const pending of this.#pending.values()) {
      if (!pending.sent) pending.sent = this.send(pending.frame);
    }
  }

  /** The connection was lost: whether a call that cannot be repeated was granted is unknown. */
  lose(): void {
    for (const [id, pending] of this.#pending) {
      if (!pending.sent || pending.repeatable) {
        pending.sent = false;
        continue;
      }
      this.#pending.delete(id);
      pending.reject(new LiveError(503, "outcome_unknown", "the connection was lost before the answer came"));
    }
  }

  end(reason: Error): void {
    for (const pending of this.#pending.values()) pending.reject(reason);
    this.#pending.clear();
  }
}

/** A name that nobody else makes. Pages without TLS have this source of chance, but no `crypto.randomUUID`. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Why a frame cannot go out: found before it waits, since it would fail again on every connection. */
function unsendable(frame: ClientFrame): Error | undefined {
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(frame)).length;
    if (bytes <= MAX_FRAME_BYTES) return undefined;
    return new LiveError(413, "content_too_large", `expected a call of at most ${MAX_FRAME_BYTES} bytes, found ${bytes}`);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
