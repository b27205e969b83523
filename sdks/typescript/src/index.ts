export type { Backoff } from "./backoff.js";
export type { CallOptions, CallResult } from "./calls.js";
export { ClosedError, LiveError } from "./errors.js";
export type {
  CaughtUpFrame,
  ConnectedFrame,
  Cursor,
  Delta,
  EnterFrame,
  Event,
  EventFrame,
  Item,
  LeaveFrame,
  Method,
  Part,
  Participant,
  SignalsFrame,
  SnapshotFrame,
  Thread,
} from "./frames.js";
export { type ConnectOptions, type Live, type State, connect } from "./live.js";
export type { Handlers, SubscribeOptions, Subscription } from "./subscription.js";
