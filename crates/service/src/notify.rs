//! Notifications for systemd, as the main process of a unit of `Type=notify`. Without systemd they
//! do nothing.

use sd_notify::NotifyState;

/// The daemon serves, so units that wait for it may start.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The daemon has begun to shut down.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "failed to notify systemd");
    }
}
