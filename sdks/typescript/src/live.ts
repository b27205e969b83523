import { type Backoff, DEFAULT_BACKOFF, wait } from "./backoff.js";
import { type CallOptions, type CallResult, Calls } from "./calls.js";
import { ClosedError, LiveError } from "./errors.js";
import type { ClientFrame, ConnectedFrame, ErrorFrame, Method, ServerFrame } from "./frames.js";
import { type Handlers, type SubscribeOptions, Subscription, type Wire } from "./subscription.js";
import { type WebSocketConstructor, type WebSocketLike, findWebSocket, liveUrl } from "./websocket.js";

/** Close codes after which another try would end the same. */
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 4401]);
/** Milliseconds between two pings. */
const PING_EVERY = 20_000;
/** Milliseconds after a ping in which something must be heard, or the connection counts as lost. */
const ANSWER_WITHIN = 15_000;
/** Milliseconds in which a connection must be there, greeting included. */
const CONNECT_WITHIN = 10_000;
/** Milliseconds that a connection must hold for the next wait to be short again. */
const HELD = 5_000;
const OPEN = 1;

export interface ConnectOptions {
  /** The server's address with its version, such as `https://everlog.example.com/v1`. */
  endpoint: string;
  /** The project; a key tells its own. */
  project?: string;
  /** An API key. For servers: a key in a browser is everybody's. */
  key?: string;
  /** A session. Without key and session, the browser's cookies tell who it is. */
  session?: string;
  /** How long to wait between two tries. */
  backoff?: Backoff;
  /** The WebSocket to use, if the platform's will not do. */
  WebSocket?: WebSocketConstructor;
  /** Told of each change: `connected`, `lost` (it comes back by itself) and `closed` (it does not). */
  onState?(state: State, detail?: ConnectedFrame | Error): void;
  /** Told of what handlers throw. Without it, that is thrown where nobody catches it. */
  onError?(error: unknown): void;
}

export type State = "connecting" | "connected" | "lost" | "closed";

/** A connection that comes back by itself, with all its subscriptions where they were. */
export class Live {
  #state: State = "connecting";
  #socket: WebSocketLike | undefined;
  #tries = 0;
  /** Who the server said this is. */
  #principal: string | undefined;
  #next = 0;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #pings: ReturnType<typeof setInterval> | undefined;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #calls = new Calls((frame) => this.#send(frame));

  /** @internal See `connect`. */
  constructor(private readonly options: ConnectOptions) {
    void this.#open();
  }

  get state(): State {
    return this.#state;
  }

  /**
   * Subscribes to `threads`, `threads/{threadId}`, `threads/{threadId}/items` or `items`. It goes on through every loss
   * of the connection until it is unsubscribed or its handler `ended` is called.
   */
  subscribe(resource: string, options: SubscribeOptions, handlers: Handlers): Subscription {
    const name = `s${++this.#next}`;
    const subscription = new Subscription(name, resource, options, handlers, this.#wire);
    if (this.#state === "closed") {
      queueMicrotask(() => subscription.end(new ClosedError(1000, "the connection is closed")));
      return subscription;
    }
    this.#subscriptions.set(name, subscription);
    if (this.#state === "connected") subscription.begin();
    return subscription;
  }

  /** A request to the HTTP interface over this connection. One whose answer is lost is sent again, and granted once. */
  call<T = unknown>(method: Method, path: string, options: CallOptions = {}): Promise<CallResult<T>> {
    if (this.#state === "closed") return Promise.reject(new ClosedError(1000, "the connection is closed"));
    return this.#calls.call<T>(method, path, options);
  }

  /** Closes for good. */
  close(): void {
    this.#end(new ClosedError(1000, "closed by the caller"));
  }

  readonly #wire: Wire = {
    send: (frame) => void this.#send(frame),
    again: (subscription, tries) => this.#beginLater(subscription, tries),
    forget: (subscription) => void this.#subscriptions.delete(subscription.name),
    report: (error) => this.#report(error),
  };

  async #open(): Promise<void> {
    let socket: WebSocketLike;
    try {
      const WebSocket = await findWebSocket(this.options.WebSocket);
      if (this.#state === "closed") return;
      socket = new WebSocket(liveUrl(this.options.endpoint, this.options.project));
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.#socket = socket;
    const late = this.#after(CONNECT_WITHIN, () => this.#lose(socket, 1006, "it took too long to connect"));
    // Not the time since the last frame: timers of hidden pages run late, and a healthy connection would be cut.
    let unanswered = false;
    const listen = () => {
      clearTimeout(late);
      this.#pings = setInterval(() => {
        unanswered = true;
        this.#send({ type: "ping" });
        this.#after(ANSWER_WITHIN, () => {
          if (unanswered) this.#lose(socket, 1006, "the server is silent");
        });
      }, PING_EVERY);
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      unanswered = false;
      const frame = JSON.parse(String(data)) as ServerFrame;
      if (frame.type === "connected") {
        if (this.#mustAuthenticate(frame)) return;
        if (this.#principal !== undefined && this.#principal !== "guest" && frame.principal === "guest") {
          // The session has ended: what it saw would stay on the page as if it were still so.
          this.#end(new ClosedError(4401, "the session has ended"));
          return;
        }
        this.#principal = frame.principal;
        listen();
        this.#greet(frame);
      } else {
        this.#take(frame);
      }
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(late);
      this.#lose(socket, code, reason);
    };
    // Told again by onclose.
    socket.onerror = () => {};
  }

  /** Whether this is the greeting to somebody who is yet to say who they are. Cookies may have said so already. */
  #mustAuthenticate(frame: ConnectedFrame): boolean {
    const { key, session, project } = this.options;
    if (frame.principal !== "guest" || (!key && !session)) return false;
    const proof = key ? { key } : { session: session as string };
    this.#socket?.send(JSON.stringify({ type: "authenticate", ...proof, ...(project && { project }) }));
    return true;
  }

  #greet(frame: ConnectedFrame): void {
    const socket = this.#socket;
    this.#after(HELD, () => {
      if (this.#socket === socket) this.#tries = 0;
    });
    this.#state = "connected";
    for (const subscription of [...this.#subscriptions.values()]) subscription.begin();
    this.#calls.sendAgain();
    // Last: what the application asks for when it is told is sent then, and not once more by the lines above.
    this.#enter("connected", frame);
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case "snapshot":
        return this.#of(frame.id)?.takeSnapshot(frame);
      case "event":
      case "enter":
      case "leave":
      case "caughtUp":
        return this.#of(frame.id)?.takeLink(frame);
      case "signals":
        return this.#of(frame.id)?.takeSignals(frame);
      case "result":
        return this.#calls.take(frame);
      case "error":
        return this.#takeError(frame);
      // Frames without a meaning here, and those that a later server may send.
      default:
        return;
    }
  }

  #takeError(frame: ErrorFrame): void {
    // Without an id, the close that follows tells the end.
    if (frame.id === undefined) return;
    const error = new LiveError(frame.code, frame.errorType, frame.message);
    if (!this.#calls.refuse(frame.id, error)) this.#of(frame.id)?.takeError(frame);
  }

  /** The subscription of an id, if that is the id of its present round. */
  #of(id: string): Subscription | undefined {
    const subscription = this.#subscriptions.get(id.slice(0, id.lastIndexOf(".")));
    return subscription?.id === id ? subscription : undefined;
  }

  #beginLater(subscription: Subscription, tries: number): void {
    const socket = this.#socket;
    this.#after(wait(this.options.backoff ?? DEFAULT_BACKOFF, tries), () => {
      // On another connection it has begun anew already.
      if (this.#socket === socket && this.#subscriptions.has(subscription.name)) subscription.begin();
    });
  }

  #send(frame: ClientFrame): boolean {
    if (this.#state !== "connected" || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #lose(socket: WebSocketLike, code: number, reason: string): void {
    if (socket !== this.#socket || this.#state === "closed") return;
    this.#socket = undefined;
    clearInterval(this.#pings);
    socket.close();
    const error = new ClosedError(code, reason || `the connection closed with ${code}`);
    if (FINAL.has(code)) {
      this.#end(error);
      return;
    }
    this.#enter("lost", error);
    this.#calls.lose();
    this.#after(wait(this.options.backoff ?? DEFAULT_BACKOFF, this.#tries), () => void this.#open());
    this.#tries += 1;
  }

  #end(reason: Error): void {
    if (this.#state === "closed") return;
    this.#enter("closed", reason);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    clearInterval(this.#pings);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#calls.end(reason);
    for (const subscription of [...this.#subscriptions.values()]) subscription.end(reason);
  }

  #enter(state: State, detail?: ConnectedFrame | Error): void {
    this.#state = state;
    try {
      this.options.onState?.(state, detail);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    if (this.options.onError) this.options.onError(error);
    else
      queueMicrotask(() => {
        throw error;
      });
  }

  #after(milliseconds: number, act: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, milliseconds);
    this.#timers.add(timer);
    return timer;
  }
}

/** Connects, and stays connected until `close`. */
export function connect(options: ConnectOptions): Live {
  return new Live(options);
}
