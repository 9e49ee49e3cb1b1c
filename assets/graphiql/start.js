// Starts GraphiQL against this server's own /graphql. A file of its own, so that the page needs no inline script.
'use strict';

const welcome = `# Welcome to Evenkeel. This page talks to this server and to nobody else.
#
# 1. Put your own address and a passphrase of 15 characters or more into SignUp and run it.
#    A letter with a link comes to confirm the address. While no mail server is set, it is
#    written to data/outbox, and the server's log shows the link.
# 2. Sign in, and paste the access token into the Headers tab below:
#    { "Authorization": "Bearer YOUR_TOKEN" }
# 3. The book on the left lists everything that can be asked, with what it means.
#
# What you type here stays in this browser tab and is forgotten when you close it.

mutation SignUp {
  signUp(
    input: {
      email: "alex@example.org"
      password: "a calm sea and a warm blanket"
      displayName: "Alex"
      timeZone: "Europe/Berlin"
      adult: true
    }
  ) {
    status
    problems {
      field
      code
      message
    }
  }
}
`;

const socket = new URL('/graphql', window.location.href);
socket.protocol = socket.protocol === 'https:' ? 'wss:' : 'ws:';

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: '/graphql', subscriptionUrl: socket.href }),
    defaultQuery: welcome,
    defaultEditorToolsVisibility: 'headers',
    isHeadersEditorEnabled: true,
    // Access tokens never reach the browser's storage; the rest lives as long as the tab.
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
    storage: window.sessionStorage,
  }),
);
