mod cuts;
mod flips;
mod folders;
mod image;
mod properties;
mod reading;
mod tables;
mod written;
