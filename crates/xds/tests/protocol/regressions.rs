//! What `interleaving` has found, in the few steps to which it could be reduced.

use ferromesh_xds::Variant::{self, Delta, StateOfTheWorld};

use crate::client::Complaint::{self, Cut, Named, Unnamed, Whole};
use crate::interleaving::Play;
use crate::interleaving::Step::{self, Assign, Hear, Move, Publish, Read, Reconnect, Write};

const CLUSTER: usize = 0;
const ENDPOINTS: usize = 1;
const LISTENER: usize = 2;
const ROUTE: usize = 3;
const HOST: usize = 4;

const BAD: u8 = 5;
const NONE: u8 = 0;

fn put(layer: usize, ty: usize, name: u8, body: u8) -> Step {
    Step::Put {
        layer,
        ty,
        name,
        body,
    }
}

fn shift(ty: usize, layer: usize, body: u8) -> Step {
    Move { ty, layer, body }
}

fn play(variant: Variant, complaint: Complaint, steps: &[Step]) {
    let mut play = Play::new(variant, true, complaint);
    for step in steps {
        play.step(step);
    }
    play.check().expect("the snapshot");
}

#[test]
fn a_removal_in_a_refused_response_is_repeated() {
    let steps = [
        put(1, LISTENER, 0, BAD),
        put(2, LISTENER, 0, 1),
        Assign(2),
        Hear,
        Write,
        Write,
        Assign(1),
    ];
    play(Delta, Whole, &steps);
}

#[test]
fn what_is_refused_while_it_flies_again_is_not_sent_for_ever() {
    let steps = [
        put(2, LISTENER, 0, BAD),
        put(0, LISTENER, 0, 1),
        Hear,
        Assign(1),
        Write,
        put(1, LISTENER, 0, BAD),
        Publish,
        Write,
        Assign(2),
    ];
    play(StateOfTheWorld, Cut, &steps);
}

#[test]
fn an_accepted_predecessor_stands_in_for_what_waits() {
    let steps = [
        put(0, CLUSTER, 1, 1),
        put(0, CLUSTER, 0, NONE),
        put(0, CLUSTER, 2, BAD),
        Assign(1),
        put(0, CLUSTER, 1, 2),
        put(0, CLUSTER, 2, 1),
        Hear,
        Publish,
        put(0, CLUSTER, 0, BAD),
        Write,
        put(0, ENDPOINTS, 0, NONE),
        put(0, ENDPOINTS, 0, NONE),
    ];
    play(StateOfTheWorld, Unnamed, &steps);
}

#[test]
fn a_part_does_not_say_that_the_client_has_everything() {
    let steps = [
        Hear,
        put(0, ROUTE, 1, 1),
        Write,
        put(0, ROUTE, 0, BAD),
        Assign(1),
        Read,
        shift(ROUTE, 0, 1),
        Write,
        Write,
        Read,
        Publish,
        Write,
        Read,
        Read,
        Reconnect,
    ];
    play(StateOfTheWorld, Whole, &steps);
}

#[test]
fn a_slot_that_went_and_came_is_not_what_was_refused() {
    let steps = [
        put(1, CLUSTER, 1, BAD),
        Assign(1),
        Hear,
        put(1, CLUSTER, 1, 1),
        Write,
        Assign(2),
        Assign(1),
    ];
    play(StateOfTheWorld, Named, &steps);
}

#[test]
fn what_was_accepted_twice_stands_in_for_itself() {
    let steps = [
        put(0, CLUSTER, 2, BAD),
        put(0, CLUSTER, 0, 1),
        Step::Rebuild(0),
        Assign(1),
        Hear,
        put(0, CLUSTER, 2, 1),
        Write,
        Assign(1),
        Read,
        shift(CLUSTER, 0, BAD),
        Write,
    ];
    play(StateOfTheWorld, Unnamed, &steps);
}

#[test]
fn what_came_back_before_its_removal_was_refused_is_removed() {
    let steps = [
        put(2, LISTENER, 0, BAD),
        put(1, LISTENER, 0, 1),
        Assign(1),
        Hear,
        Write,
        Write,
        Read,
        Read,
        Assign(2),
        Write,
        Assign(1),
        Read,
        Hear,
        Assign(2),
    ];
    play(Delta, Whole, &steps);
}

#[test]
fn a_name_that_moved_is_not_what_was_refused() {
    let steps = [
        Assign(2),
        shift(CLUSTER, 0, BAD),
        Publish,
        Hear,
        put(2, CLUSTER, 0, 1),
        Write,
        Assign(2),
        shift(CLUSTER, 2, 1),
        Read,
        Write,
        Hear,
        Write,
    ];
    play(StateOfTheWorld, Named, &steps);
}

#[test]
fn endpoints_do_not_take_the_place_of_a_leaving_cluster() {
    let steps = [
        put(1, CLUSTER, 0, 1),
        Hear,
        Assign(2),
        shift(CLUSTER, 2, 1),
        Publish,
        Write,
        Read,
        Hear,
        shift(CLUSTER, 1, BAD),
        Publish,
        shift(ENDPOINTS, 2, 1),
        Publish,
        Assign(1),
        shift(CLUSTER, 2, NONE),
    ];
    play(StateOfTheWorld, Unnamed, &steps);
}

#[test]
fn hosts_before_their_table_are_not_taken_for_accepted() {
    let steps = [
        put(0, ROUTE, 0, 1),
        Hear,
        Write,
        Write,
        Publish,
        Read,
        Write,
        Read,
        Read,
        put(0, ROUTE, 1, 1),
        put(2, HOST, 0, 1),
        shift(ROUTE, 0, BAD),
        Hear,
        Assign(2),
        Write,
        Write,
        put(0, HOST, 0, BAD),
        put(0, ROUTE, 1, 2),
        Publish,
        Write,
        Read,
        Read,
        Write,
        Read,
    ];
    play(Delta, Whole, &steps);
}

#[test]
fn a_table_that_the_client_never_took_brings_its_hosts_when_it_returns() {
    let steps = [
        Hear,
        Write,
        Write,
        put(0, ROUTE, 0, 1),
        Publish,
        Read,
        Write,
        Read,
        Read,
        shift(ROUTE, 0, BAD),
        put(0, ROUTE, 1, 1),
        put(0, HOST, 0, 1),
        put(0, CLUSTER, 0, NONE),
        put(0, CLUSTER, 0, NONE),
        Reconnect,
        Hear,
        Write,
        Write,
        Write,
        put(0, ROUTE, 1, NONE),
        Write,
        Publish,
        put(0, ROUTE, 1, 1),
    ];
    play(Delta, Whole, &steps);
}
