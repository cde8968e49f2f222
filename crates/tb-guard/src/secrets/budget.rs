//! Bounds what hostile texts cost.

/// How much text a budget is for, in bytes.
const WINDOW: usize = 256;

/// So many looks in each stretch of a text; more only stand in texts made to be slow.
#[derive(Debug)]
pub(super) struct Budget {
    looks: u16,
    left: u16,
    until: usize,
}

impl Budget {
    /// A budget of `looks` in each stretch of 256 bytes.
    pub(super) const fn new(looks: u16) -> Self {
        Self { looks, left: 0, until: 0 }
    }

    /// Whether one more look at `at` is within the budget.
    pub(super) const fn allows(&mut self, at: usize) -> bool {
        if at >= self.until {
            self.until = at.saturating_add(WINDOW);
            self.left = self.looks;
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}
