//! Mutexes whose data stay usable when a thread that had them panicked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. A thread may have panicked while it had it; what this crate keeps in them are caches and counters, of
/// which every state is a good one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
