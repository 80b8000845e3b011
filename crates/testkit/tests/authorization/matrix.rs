//! The same questions for a real Envoy and for the program `ferromesh authz test`: both give the documented answer, and the
//! program names the policy that it is due to.

#[path = "matrix/authz.rs"]
mod authz;
#[path = "matrix/connection.rs"]
mod connection;
#[path = "matrix/row.rs"]
mod row;
#[path = "matrix/world.rs"]
mod world;

use ferromesh_testkit::tokens::Issuer;

use row::rows;
use world::World;

/// As many rows as there are at least; a table that isn't read says nothing.
const FEWEST: usize = 130;

#[tokio::test]
async fn matrix() {
    let rows = rows(include_str!("matrix/rows.txt"));
    assert!(rows.len() >= FEWEST, "{} rows", rows.len());
    let issuer = Issuer::new("issuer.example");
    let world = World::start(&issuer).await;
    let mut wrong = Vec::new();
    for row in &rows {
        for how in row.protocols() {
            let outcome = connection::outcome(&world, row, how, &issuer).await;
            if outcome != row.outcome {
                wrong.push(format!("{row}\n    Envoy by {how:?}: {outcome:?}"));
            }
        }
        if let Err(fault) = authz::check(&world, row) {
            wrong.push(format!("{row}\n    authz test: {fault}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}
