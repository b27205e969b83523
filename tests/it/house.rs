//! The rules of the house: what a review would otherwise have to say again and again. Each failure names the
//! place and the reason. The rules are tried on bad examples too, because a check that cannot fail checks nothing.

mod circles;
mod edges;
mod source;
mod style;

/// Fails with the rule's reason and every place that breaks it.
#[track_caller]
fn keep(rule: &str, reason: &str, breaches: &[String]) {
    assert!(
        breaches.is_empty(),
        "\n{rule}\nbecause {reason}\n  {}\n",
        breaches.join("\n  ")
    );
}
