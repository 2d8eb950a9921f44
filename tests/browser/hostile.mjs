// An SVG that tries everything to run code and to load something, and the server that it would reach.

import { once } from "node:events";
import { createServer } from "node:http";

export const hostileSvg = (canary) => `<?xml version="1.0"?>
<?xml-stylesheet type="text/css" href="${canary}/stylesheet.css"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
     viewBox="0 0 300 200" width="300" height="200" onload="mark('onload')">
  <script>
    function mark(how) { document.documentElement.setAttribute("data-ran", how); fetch("${canary}/fetch-" + how); }
    mark("script");
  </script>
  <script xlink:href="${canary}/script.js"/>
  <style>
    @import url("${canary}/import.css");
    @font-face { font-family: f; src: url("${canary}/font.woff2"); }
    text { font-family: f; }
    rect { fill: url("${canary}/paint.svg#p"); background: url("${canary}/background.png"); }
    html|img { content: url("${canary}/content.png"); }
  </style>
  <rect width="300" height="200" fill="#a5231d"/>
  <text x="20" y="110" fill="#fff" font-size="40">hostile.svg</text>
  <image href="${canary}/image.png" width="10" height="10"/>
  <image href="data:image/x-none,no" width="10" height="10" onerror="mark('onerror')"/>
  <image href="data:image/svg+xml,${encodeURIComponent(nestedSvg(canary))}" width="10" height="10"/>
  <use href="${canary}/use.svg#part"/>
  <animate attributeName="x" dur="1s" onbegin="mark('onbegin')"/>
  <foreignObject width="50" height="50">
    <body xmlns="http://www.w3.org/1999/xhtml">
      <img src="${canary}/html.png"/>
      <iframe src="${canary}/frame.html"/>
      <iframe src="data:text/html,${encodeURIComponent(`<script>fetch("${canary}/data-frame")</script>`)}"/>
      <iframe srcdoc="&lt;script&gt;fetch('${canary}/srcdoc')&lt;/script&gt;"/>
      <video src="${canary}/video.mp4" autoplay=""/>
      <object data="${canary}/object.svg"/>
      <link rel="stylesheet" href="${canary}/link.css"/>
    </body>
  </foreignObject>
</svg>
`;

const nestedSvg = (canary) => `<svg xmlns="http://www.w3.org/2000/svg">
  <script>fetch("${canary}/nested-script")</script><image href="${canary}/nested-image.png" width="10" height="10"/>
</svg>`;

/** A server that remembers which paths it was asked for; at `/` it gives an SVG, unguarded. */
export async function startCanary(svg) {
  const asked = [];
  const server = createServer((request, response) => {
    if (request.url === "/") {
      response.setHeader("Content-Type", "image/svg+xml").end(svg(origin));
    } else {
      asked.push(request.url);
      response.setHeader("Access-Control-Allow-Origin", "*").end();
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { origin, asked, stop: () => (server.closeAllConnections(), server.close()) };
}
