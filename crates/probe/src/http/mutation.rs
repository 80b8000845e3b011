//! The filter that changes headers.

use envoy::header_mutation::HeaderMutation;
use envoy::mutation_rules::header_mutation::Action;
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::traffic::Traffic;
use crate::verdict::Outcome;

/// Changes the headers of a request.
pub(super) fn apply(config: &HeaderMutation, traffic: &mut Traffic<'_>) -> Result<(), Outcome> {
    let Some(mutations) = &config.mutations else {
        return Ok(());
    };
    if !mutations.query_parameter_mutations.is_empty() {
        return Err(unknown("changes of the query"));
    }
    for mutation in &mutations.request_mutations {
        match &mutation.action {
            Some(Action::Remove(name)) => traffic.headers.remove(name),
            Some(Action::Append(append)) => match &append.header {
                Some(header) => traffic.headers.forget(&header.key),
                None => return Err(unknown("a change of no header")),
            },
            _ => return Err(unknown("a change of headers of another kind")),
        }
    }
    Ok(())
}
