//! The labels of states and roles in JSON and in the parameters of lists.

/// A state or role with a label.
pub trait Label: Copy + 'static {
    /// All states, in the order in which they usually occur.
    const ALL: &'static [Self];

    /// The label of this state.
    fn label(self) -> &'static str;

    /// The state with this label.
    fn from_label(label: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|item| item.label() == label)
    }
}
