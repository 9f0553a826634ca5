// Reads the pages of the benchmark's API and keeps nothing: how fast they come.
// usage: API_URL=… node read-pages.mjs
let next = `${process.env.API_URL}/rows`;
while (next) {
  const response = await fetch(next);
  await response.arrayBuffer();
  next = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
}
