//! Names, as pods look them up.

use ferromesh_testkit::cluster::Cluster;
use ferromesh_testkit::cluster::room::Room;

use crate::echo;

#[test]
fn names_of_services_lead_to_them_and_others_nowhere() {
    let room = Room::new(&Cluster::of_tests(), "names", &[]);
    echo::deploy(&room, 1);
    let name = room.name();
    for (host, status) in [
        ("echo".to_owned(), Some(200)),
        (format!("echo.{name}"), Some(200)),
        (format!("echo.{name}.svc.cluster.local"), Some(200)),
        ("echo.no-such-namespace".to_owned(), None),
        ("nobody.example.org".to_owned(), None),
    ] {
        let answers = room.ask("deployment/echo", &[&format!("http://{host}/")]);
        let [answer] = answers.as_slice() else {
            panic!("{host}: {answers:?}");
        };
        assert_eq!(answer["status"].as_u64(), status, "{host}: {answer}");
        assert_eq!(
            answer["error"].is_string(),
            status.is_none(),
            "{host}: {answer}"
        );
    }
}
