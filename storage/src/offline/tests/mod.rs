mod forge;
mod repairing;
mod verifying;
