//! Weights of destinations.

use ferromesh_mesh::diagnostic::Remarks;
use ferromesh_mesh::path::Path;

const CODE: &str = "invalid-weight";

/// Lowers the weights of the destinations in the list at the path `at`. A single destination
/// gets everything, whatever its weight.
pub(super) fn lower(weights: &[i32], at: &Path<'_>, remarks: &mut Remarks) -> Vec<u32> {
    let mut lowered = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        match u32::try_from(*weight) {
            Ok(weight) => lowered.push(weight),
            Err(_) => {
                remarks.error(
                    &at.item(index).field("weight"),
                    CODE,
                    format!("weight {weight} must not be negative"),
                );
                lowered.push(0);
            }
        }
    }
    if let [single] = lowered.as_mut_slice() {
        *single = 1;
        return lowered;
    }
    let total: u64 = lowered.iter().copied().map(u64::from).sum();
    if total == 0 && !lowered.is_empty() {
        remarks
            .error(at, CODE, "the weights of all destinations are 0")
            .advise("give at least one destination a weight");
    } else if total > u64::from(u32::MAX) {
        remarks.error(at, CODE, format!("the weights sum up to {total}, too much"));
    }
    lowered
}
