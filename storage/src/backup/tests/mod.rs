mod backing_up;
mod restoring;
mod scene;
