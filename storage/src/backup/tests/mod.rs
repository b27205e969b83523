mod backing_up;
mod racing_keys;
mod restoring;
mod scene;
mod transferring;
