// Logs somebody in with openid-client, a certified OpenID Connect client, in the place of an application and of the
// browser: no page needs a script. Reads {issuer, clientId, clientSecret?, redirectUri, email, password} from standard
// input and writes what the application learnt.
import { readFileSync } from "node:fs";
import * as oidc from "openid-client";

const given = JSON.parse(readFileSync(0, "utf8"));
const config = await oidc.discovery(
  new URL(given.issuer),
  given.clientId,
  undefined,
  given.clientSecret ? oidc.ClientSecretBasic(given.clientSecret) : oidc.None(),
  { execute: [oidc.allowInsecureRequests] }, // plain HTTP on loopback
);

let cookie = "";
async function visit(address, form) {
  let response;
  for (let url = new URL(address); ; form = undefined) {
    if (url.origin !== new URL(given.issuer).origin) return { url };
    response = await fetch(url, {
      redirect: "manual",
      headers: cookie ? { cookie } : {},
      ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
    });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    if (response.status !== 303) return { url, page: await response.text() };
    url = new URL(response.headers.get("location"), url);
  }
}
function fill({ url, page }, fields) {
  const hidden = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
  const action = page.match(/<form method="post" action="([^"]+)">/)[1];
  const form = Object.fromEntries(hidden.map(([, name, value]) => [name, value]));
  return visit(new URL(action, url), { ...form, ...fields });
}

const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
const expectedState = oidc.randomState();
const expectedNonce = oidc.randomNonce();
let standing = await visit(
  oidc.buildAuthorizationUrl(config, {
    redirect_uri: given.redirectUri,
    scope: "openid profile email offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
    max_age: "300",
  }),
);
const pages = [];
while (standing.page) {
  pages.push(standing.url.pathname);
  if (pages.length > 3) throw new Error(`stuck at ${pages.join(", ")}`);
  const { email, password } = given;
  standing = await fill(
    standing,
    standing.url.pathname === "/login" ? { email, password } : { decision: "allow" },
  );
}
const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 300, idTokenExpected: true };
const tokens = await oidc.authorizationCodeGrant(config, standing.url, checks);
const claims = tokens.claims();
const user = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
const active = async (token) =>
  given.clientSecret ? (await oidc.tokenIntrospection(config, token)).active : null;
const before = await active(renewed.access_token);
await oidc.tokenRevocation(config, renewed.refresh_token);
const after = await active(renewed.access_token);
const replay = await oidc
  .authorizationCodeGrant(config, standing.url, checks)
  .then(() => "accepted", (error) => error.error);
const left = await visit(oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }));
const loggedOut = left.page.includes("You are logged out");

process.stdout.write(JSON.stringify({ pages, claims, user, before, after, replay, loggedOut }));
