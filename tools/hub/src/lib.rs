//! The Hugging Face Hub: what is there, what a file's head says, and files fetched whole.
