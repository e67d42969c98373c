//! The demonstration: its page, its namespace, its stream.

use wirecost_server::options::ServerOptions;
use wirecost_server::server::start;

use crate::http::*;
use crate::support::{get, run, server};

const PATH: &str = "/socket.io/";

#[test]
fn the_page_its_namespace_and_its_stream() {
    run(async {
        let server = start(ServerOptions { demo: true, ..ServerOptions::default() }).await.unwrap();
        let page = once(&server, get("/", "")).await;
        assert_eq!(page.status, 200);
        assert!(page.head.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"), "{}", page.head);
        assert!(!page.text().contains("src=") && !page.text().contains("http://") && !page.text().contains("https://"));
        let (mut one, _) = Socket::open(&server, PATH, "EIO=4").await;
        let (mut two, _) = Socket::open(&server, PATH, "EIO=4").await;
        for socket in [&mut one, &mut two] {
            socket.say("40/test,").await;
            assert!(socket.text().await.starts_with("40/test,{"));
            assert_eq!(socket.text().await, r#"42/test,["my_response",{"count":0,"data":"Connected"}]"#);
        }
        one.say(r#"42/test,["my_event",{"data":"hello"}]"#).await;
        assert_eq!(one.text().await, r#"42/test,["my_response",{"count":1,"data":"hello"}]"#);
        one.say(r#"42/test,["my_broadcast_event",{"data":"all"}]"#).await;
        for socket in [&mut one, &mut two] {
            assert_eq!(socket.text().await, r#"42/test,["my_response",{"count":2,"data":"all"}]"#);
        }
        two.say(r#"42/test,7["my_event",{}]"#).await;
        assert_eq!(two.text().await, r#"42/test,["my_response",{"count":1,"data":null}]"#);
        assert_eq!(two.text().await, "43/test,7[]");
        one.say(r#"42/test,["disconnect_request"]"#).await;
        assert_eq!(one.text().await, r#"42/test,3["my_response",{"count":3,"data":"Disconnected!"}]"#);
        one.say("43/test,2[]").await;
        one.say(r#"42/test,["my_event",{"data":"still here"}]"#).await;
        assert_eq!(one.text().await, r#"42/test,["my_response",{"count":4,"data":"still here"}]"#);
        one.say("43/test,3[]").await;
        assert_eq!(one.text().await, "41/test,");
        let streamed = once(&server, get("/long-poll?room=demo-stream&after=0", "")).await;
        assert!(streamed.text().contains(r#"{\"number\":0,\"at_ms\":"#), "{}", streamed.text());
        drop((one, two));
        server.stop().await;
    });
}

#[test]
fn is_not_there_unless_it_is_wanted() {
    run(async {
        let server = server().await;
        assert_eq!(once(&server, get("/", "")).await.status, 404);
        assert_eq!(once(&server, get("/engine.io/?EIO=4&transport=polling", "")).await.status, 404);
        server.stop().await;
    });
}

#[test]
fn both_families_share_a_port() {
    run(async {
        let server = start(ServerOptions { both_families: true, ..ServerOptions::default() }).await.unwrap();
        let other = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, server.address.port()));
        match tokio::net::TcpStream::connect(other).await {
            Ok(stream) => {
                let mut client = crate::support::Client::over(stream);
                assert!(client.get("/health").await.starts_with("HTTP/1.1 204 "));
            }
            Err(error) => println!("skipped: there is no IPv6 here: {error}"),
        }
        server.stop().await;
    });
}
