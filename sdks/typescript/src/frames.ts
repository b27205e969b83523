// The frames of /v1/live, as docs/live.md and docs/live.schema.json describe them.

/** An opaque place in a project's log. It can be kept and given back, not compared. */
export type Cursor = string;

export type Part =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "toolCall"; callId: string; name: string; arguments: unknown }
  | { type: "toolResult"; callId: string; result: unknown; isError?: boolean }
  | { type: "file"; fileId: string; name?: string; mimeType?: string }
  | { type: "data"; name: string; data: unknown };

export type Delta = { type: "text"; part: number; text: string } | { type: "part"; part: Part };

export interface Participant {
  /** `user:ID` or `agent:ID`. */
  id: string;
  role: "owner" | "member" | "viewer";
}

export interface Thread {
  $id: string;
  $createdAt: string;
  $updatedAt: string;
  $permissions: string[];
  name: string | null;
  metadata: Record<string, unknown>;
  participants: Participant[];
  lastItemAt: string | null;
  /** The item that the next one follows, if that is not the newest. */
  activeItemId: string | null;
  /** The thread that it was forked from, and the item if one was named. */
  forkedFrom: { threadId: string; itemId?: string } | null;
  /** The template that it began from. */
  templateId: string | null;
}

export interface Item {
  $id: string;
  $sequence: number;
  $createdAt: string;
  $updatedAt: string;
  threadId: string;
  author: string;
  role: "user" | "assistant" | "system" | "tool";
  status: "open" | "finished" | "abandoned" | "deleted";
  parts: Part[];
  metadata: Record<string, unknown>;
  tokens: number | null;
  /** What it follows, if that is not the item before it; empty for the beginning. */
  parentId: string | null;
  editedAt: string | null;
  /** How often each reaction stands on it. */
  reactions: Record<string, number>;
  pinnedAt: string | null;
  /** Whom it mentions: `user:ID`, `agent:ID`, `everyone`. */
  mentions: string[];
}

interface Happened {
  time: string;
  principal: string;
  onBehalfOf?: string;
  threadId: string;
  /** Place in the thread's own history, from 1 without gaps. */
  position: number;
}

type Access = Pick<Thread, "$permissions" | "participants" | "$updatedAt">;

/** What happened in a thread. In the resource `threads`, `thread` is the whole row, always. */
export type Event = Happened &
  (
    | { type: "thread.created" | "thread.forked"; thread: Thread }
    | { type: "thread.updated"; thread: Partial<Thread> }
    | { type: "thread.permissions.changed"; thread: Access & Partial<Thread> }
    | { type: "thread.participant.added"; thread: Access & Partial<Thread>; participant?: Participant }
    | { type: "thread.participant.removed"; thread: Access & Partial<Thread>; participantId?: string }
    | { type: "item.posted" | "item.opened"; item?: Item; thread?: Thread }
    | { type: "item.delta"; itemId: string; deltas: Delta[] }
    | {
        type: "item.finished";
        itemId?: string;
        item?: Pick<Item, "status" | "parts" | "metadata" | "tokens" | "$updatedAt"> & Partial<Pick<Item, "mentions">>;
        thread?: Thread;
      }
    | {
        type: "item.edited";
        itemId: string;
        item: Partial<Pick<Item, "parts" | "metadata" | "tokens" | "mentions">> & { editedAt: string; $updatedAt: string };
      }
    | { type: "item.deleted"; itemId: string; item: Pick<Item, "status" | "$updatedAt"> }
    | {
        type: "item.reaction.added" | "item.reaction.removed";
        itemId: string;
        reaction: string;
        item: Pick<Item, "reactions">;
      }
    | { type: "item.pinned" | "item.unpinned"; itemId: string; item: Pick<Item, "pinnedAt"> }
    | { type: "thread.read"; itemId: string }
    | { type: "thread.items.expired"; itemIds: string[]; thread?: Partial<Thread> }
    | { type: "thread.branch.switched"; thread: Partial<Thread> }
    | {
        type: "item.abandoned";
        itemId?: string;
        item?: Pick<Item, "status" | "parts" | "$updatedAt">;
        reason?: string;
        thread?: Thread;
      }
  );

interface Link {
  id: string;
  /** The cursor before this one in the subscription: a difference to one's own is a gap. */
  prev: Cursor | null;
  cursor: Cursor;
}

export interface SnapshotFrame {
  type: "snapshot";
  id: string;
  cursor: Cursor;
  thread?: Thread;
  threads?: Thread[];
  items?: Item[];
  /** Whether there is more than the page. */
  more: boolean;
}
export interface EventFrame extends Link {
  type: "event";
  event: Event;
}
export interface EnterFrame extends Link {
  type: "enter";
  row?: Thread;
  threadId?: string;
}
export interface LeaveFrame extends Link {
  type: "leave";
  rowId?: string;
  threadId?: string;
  ended?: true;
}
export interface CaughtUpFrame extends Link {
  type: "caughtUp";
}
/** Who is there and who types. Replaces the frame before; nothing of it is in the log. */
export interface SignalsFrame {
  type: "signals";
  id: string;
  /** 100 at most, each once. */
  present: string[];
  presentTotal: number;
  /** Until when each types, unless it is said again. */
  typing: { principal: string; until: string }[];
}
export interface ErrorFrame {
  type: "error";
  id?: string;
  code: number;
  errorType: string;
  message: string;
}
export interface ResultFrame {
  type: "result";
  id: string;
  status: number;
  body?: unknown;
  cursor?: Cursor;
  /** Seconds. */
  retryAfter?: number;
}
export interface ConnectedFrame {
  type: "connected";
  project: string;
  principal: string;
}

export type LinkFrame = EventFrame | EnterFrame | LeaveFrame | CaughtUpFrame;

export type ServerFrame =
  | ConnectedFrame
  | { type: "subscribed"; id: string; resource: string }
  | { type: "unsubscribed"; id: string }
  | SnapshotFrame
  | LinkFrame
  | SignalsFrame
  | ErrorFrame
  | ResultFrame
  | { type: "pong"; id?: string };

export type ClientFrame =
  | { type: "authenticate"; project?: string; key?: string; session?: string }
  | { type: "subscribe"; id: string; resource: string; queries?: string[]; from?: "start" | Cursor; signals?: true }
  | { type: "unsubscribe"; id: string }
  | { type: "ping"; id?: string }
  | {
      type: "call";
      id: string;
      method: Method;
      path: string;
      headers?: Record<string, string>;
      body?: unknown;
    };

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
