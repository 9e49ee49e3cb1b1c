// Starts GraphiQL against this server's own /graphql. A file of its own, so that the page needs no inline script.
'use strict';

const welcome = `# Welcome to Evenkeel. This page talks
# to this server and to nobody else.
#
# 1. Read the statements that ConsentTexts gives.
#    Put your own address into SignUp below, and
#    the versions of what you read, then press the
#    button on the right. A letter comes with a
#    link, where you choose a passphrase of 15
#    characters or more.
#    While no mail server is set up, the letter is
#    a file in data/outbox, and the log shows its
#    link.
# 2. Log in, and put the access token into the
#    Headers tab at the bottom:
#    { "Authorization": "Bearer YOUR_TOKEN" }
# 3. The book on the left lists all that can be
#    asked, and what it means.
#
# Only this browser tab remembers what you type,
# and forgets it when you close it. No hurry.

query ConsentTexts {
  consentTexts {
    kind
    version
    text
  }
}

mutation SignUp {
  signUp(
    input: {
      email: "alex@example.org"
      displayName: "Alex"
      zone: "Europe/Berlin"
      consents: [
        { kind: ADULT, version: "2026-11" }
        { kind: HEALTH_DATA, version: "2026-11" }
      ]
    }
  ) {
    status
    problems {
      field
      code
      sentence
    }
  }
}

mutation LogIn {
  logIn(
    input: {
      email: "alex@example.org"
      password: "a calm sea and a warm blanket"
      deviceLabel: "this browser"
    }
  ) {
    status
    outcome {
      ... on SessionTokens {
        accessToken
        refreshToken
      }
      ... on SecondStep {
        challenge
      }
    }
    problems {
      sentence
    }
  }
}

query Home {
  viewer {
    account {
      displayName
      zone
    }
    partnerLinks {
      id
      state
      partner {
        displayName
      }
    }
    checkIns(span: DUE) {
      nodes {
        id
        dueAt
      }
    }
  }
}
`;

// Lives as long as the tab. The history is left out: it would keep each request's headers, access tokens with them.
const tab = window.sessionStorage;
const storage = {
  get length() { return tab.length; },
  getItem: (key) => tab.getItem(key),
  setItem: (key, value) => { if (!/:(queries|favorites)$/.test(key)) tab.setItem(key, value); },
  removeItem: (key) => tab.removeItem(key),
  clear: () => tab.clear(),
};

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: '/graphql' }),
    defaultQuery: welcome,
    defaultEditorToolsVisibility: 'headers',
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    showPersistHeadersSettings: false,
    storage,
  }),
);
