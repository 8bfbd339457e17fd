//! Model definitions run from their source: an embedded Python virtual machine on candle tensors.
//!
//! This room is reserved: nothing lives in it yet. The engines that exist are real PyTorch and real
//! MLX, in worker processes of `portwright-harness`.
//!
//! # Invariants
//!
//! - Only this crate knows candle and `RustPython`.
//! - It never sees `portwright-source`, and knows nothing of MCP, the command line or templates.
