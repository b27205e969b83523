import { LiveError } from "./errors.js";
import type {
  CaughtUpFrame,
  ClientFrame,
  Cursor,
  EnterFrame,
  ErrorFrame,
  Event,
  EventFrame,
  LeaveFrame,
  LinkFrame,
  SignalsFrame,
  SnapshotFrame,
} from "./frames.js";

/** What is done with what a subscription brings. Frames come in order, each once, whatever the network does. */
export interface Handlers {
  /** What is there now. Comes first if `from` is absent. */
  snapshot?(frame: SnapshotFrame): void;
  /** Something happened. */
  event?(event: Event, frame: EventFrame): void;
  /** A row became visible or began to match. */
  enter?(frame: EnterFrame): void;
  /** A row is no longer visible or no longer matches. */
  leave?(frame: LeaveFrame): void;
  /** The past has ended. Comes again after each loss of the connection. */
  caughtUp?(frame: CaughtUpFrame): void;
  /** Who is there and who types, in place of what was told before. Comes with the option `signals`. */
  signals?(frame: SignalsFrame): void;
  /** The subscription is over: refused, or its thread is gone (`thread_not_found`), or the connection closed for good. */
  ended?(reason: Error): void;
}

export interface SubscribeOptions {
  /** Appwrite's queries, as JSON strings or objects. */
  queries?: (string | object)[];
  /** Where it begins: absent for a snapshot, `"start"` for everything, or a cursor for everything after it. */
  from?: "start" | Cursor;
  /** Of one thread: to be seen there as long as the subscription lasts, and to see who is there and who types. */
  signals?: boolean;
}

/** What a subscription needs of its connection. */
export interface Wire {
  send(frame: ClientFrame): void;
  /** Begins it again after a while: a longer one with each try. */
  again(subscription: Subscription, tries: number): void;
  forget(subscription: Subscription): void;
  report(error: unknown): void;
}

/** A cursor on the project's log, kept through every loss of the connection. */
export class Subscription {
  #cursor: Cursor | undefined;
  /** Counts the times that it was begun: each has an id of its own, so that late frames of another are known. */
  #round = 0;
  /** Whether the present round is yet to begin. */
  #due = false;
  #over = false;
  /** Tries since it brought something. */
  #tries = 0;

  /** @internal */
  constructor(
    readonly name: string,
    readonly resource: string,
    private readonly options: SubscribeOptions,
    private readonly handlers: Handlers,
    private readonly wire: Wire,
  ) {
    if (options.from !== undefined && options.from !== "start") this.#cursor = options.from;
  }

  /** The place that it has reached: keep it, and give it as `from` to go on there another day. */
  get cursor(): Cursor | undefined {
    return this.#cursor;
  }

  /** Ends it. No handler is called after this. */
  unsubscribe(): void {
    if (this.#over) return;
    this.#over = true;
    this.wire.send({ type: "unsubscribe", id: this.id });
    this.wire.forget(this);
  }

  /** @internal The id of the present round. */
  get id(): string {
    return `${this.name}.${this.#round}`;
  }

  /** @internal Begins, or goes on where it was, under a new id. */
  begin(): void {
    if (!this.#due) this.#round += 1;
    this.#due = false;
    const { queries, from, signals } = this.options;
    const begin = this.#cursor ?? from;
    this.wire.send({
      type: "subscribe",
      id: this.id,
      resource: this.resource,
      ...(queries && { queries: queries.map((query) => (typeof query === "string" ? query : JSON.stringify(query))) }),
      ...(begin !== undefined && { from: begin }),
      ...(signals && { signals }),
    });
  }

  /** @internal */
  takeSnapshot(frame: SnapshotFrame): void {
    if (this.#over) return;
    this.#tries = 0;
    this.#call(() => this.handlers.snapshot?.(frame));
    this.#cursor = frame.cursor;
  }

  /** @internal Takes a link, if it is the next one. */
  takeLink(frame: LinkFrame): void {
    if (this.#over) return;
    if (frame.prev !== (this.#cursor ?? null)) {
      // Something is missing in between: read on from what is held.
      this.wire.send({ type: "unsubscribe", id: this.id });
      this.#later();
      return;
    }
    this.#tries = 0;
    this.#call(() => this.#tell(frame));
    this.#cursor = frame.cursor;
    if (frame.type === "leave" && frame.ended) {
      this.end(new LiveError(404, "thread_not_found", "the thread was deleted, or may no longer be read"));
    }
  }

  /** @internal */
  takeSignals(frame: SignalsFrame): void {
    if (!this.#over) this.#call(() => this.handlers.signals?.(frame));
  }

  /** @internal */
  takeError(frame: ErrorFrame): void {
    if (this.#over) return;
    // Of the subscriptions that a connection may have, waiting frees none.
    const isFull = frame.errorType === "live_too_many_subscriptions";
    if (!isFull && (frame.code === 429 || frame.code >= 500)) {
      this.#later();
      return;
    }
    this.end(new LiveError(frame.code, frame.errorType, frame.message));
  }

  /** @internal */
  end(reason: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.wire.forget(this);
    this.#call(() => this.handlers.ended?.(reason));
  }

  /** Begins anew after a while. Frames of the round that is given up, still on their way, are of nobody from here on. */
  #later(): void {
    this.#round += 1;
    this.#due = true;
    this.#tries += 1;
    this.wire.again(this, this.#tries);
  }

  #tell(frame: LinkFrame): void {
    switch (frame.type) {
      case "event":
        return this.handlers.event?.(frame.event, frame);
      case "enter":
        return this.handlers.enter?.(frame);
      case "leave":
        return this.handlers.leave?.(frame);
      case "caughtUp":
        return this.handlers.caughtUp?.(frame);
    }
  }

  /** A handler that throws is reported, and the next frame comes all the same. */
  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.wire.report(error);
    }
  }
}
