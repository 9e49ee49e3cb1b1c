//! Concurrent requests: several people ask at the same moment, through two servers on one database.

use super::{Person, TestApp};
use actix_web::dev::ServerHandle;
use serde_json::{Value, json};
use std::net::TcpListener;

/// The test's own server and a second one, like two processes of one installation.
pub struct TwoServers {
    urls: [String; 2],
    second: ServerHandle,
}

impl TwoServers {
    /// Starts the second server.
    pub fn start(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = app.sibling().server(listener, 1).unwrap();
        let second = server.handle();
        actix_web::rt::spawn(server);
        Self { urls: [app.url.clone(), url], second }
    }

    /// Sends all requests at once, alternating between the servers; returns the answers' `data`, in order.
    pub async fn at_once(&self, app: &TestApp, requests: &[(&Person, &str, Value)]) -> Vec<Value> {
        let asked = requests.iter().enumerate().map(|(n, (person, query, variables))| async move {
            let body = json!({ "query": query, "variables": variables }).to_string();
            let request = app.http.post(format!("{}/graphql", self.urls[n % 2])).bearer_auth(person.access());
            let request = request.header("Content-Type", "application/json").body(body);
            let answer = request.send().await.unwrap().text().await.unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(answer.get("errors"), None, "{query}\n{answer}");
            answer["data"].clone()
        });
        futures::future::join_all(asked).await
    }

    /// Stops the second server.
    pub async fn stop(self) {
        self.second.stop(true).await;
    }
}
