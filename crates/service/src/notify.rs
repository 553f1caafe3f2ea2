//! What a daemon tells systemd, as the main process of a unit of `Type=notify`. Started by anybody else, it tells nobody.

use sd_notify::NotifyState;

/// It serves: units that wait for this one may start.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// It has begun to shut down.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "failed to notify systemd");
    }
}
