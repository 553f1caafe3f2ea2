// Submits a request, follows the job by its events, and prints its results.
//   CARLO_API_KEY=… node jobs.mjs REQUEST.json
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";

const url = process.env.CARLO_URL ?? "http://127.0.0.1:3001";
const key = process.env.CARLO_API_KEY;
const PATIENCE_MS = 60_000;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls the server, again while it is away or asks to wait. A refusal is an error that names every fault. */
async function call(path, { headers = {}, ...options } = {}) {
  const until = Date.now() + PATIENCE_MS;
  for (let attempt = 0; ; attempt++) {
    let response, reason;
    try {
      response = await fetch(url + path, { ...options, headers: { ...(key && { "X-API-Key": key }), ...headers } });
    } catch (error) {
      reason = error.cause?.message ?? error.message;
    }
    if (response?.ok) return response;
    const asked = Number(response?.headers.get("retry-after") ?? 0) * 1000;
    const wait = Math.max(asked, 100 * 2 ** Math.min(attempt, 6));
    const passing = !response || [429, 502, 503, 504].includes(response.status);
    if (!passing || Date.now() + wait > until) {
      const problem = response ? await response.json().catch(() => ({ detail: response.statusText })) : { detail: reason };
      const faults = (problem.errors ?? []).map((fault) => `\n  ${fault.pointer} ${fault.message}`);
      throw new Error(problem.detail + faults.join(""));
    }
    await pause(wait);
  }
}

/** The events of a job, until its last one. A stream that breaks is taken up where it broke. */
async function* events(id) {
  let last;
  while (true) {
    const response = await call(`/api/jobs/${id}/events`, { headers: last ? { "Last-Event-ID": last } : {} });
    if (response.status === 204) return;
    let text = "";
    try {
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        let end;
        while ((end = text.indexOf("\n\n")) >= 0) {
          const fields = {};
          for (const line of text.slice(0, end).split("\n")) {
            const colon = line.indexOf(":");
            if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
          }
          text = text.slice(end + 2);
          if (!fields.data) continue;
          last = fields.id ?? last;
          yield { kind: fields.event, job: JSON.parse(fields.data) };
          if (fields.event !== "progress") return;
        }
      }
    } catch (error) {
      console.error(`the stream broke: ${error.message}`);
    }
    await pause(500);
  }
}

async function main(file) {
  if (!file) throw new Error("usage: node jobs.mjs REQUEST.json");
  const submitted = await call("/api/jobs", {
    method: "POST",
    body: await readFile(file),
    // With the key, repeated calls create only one job.
    headers: { "Content-Type": "application/json", "Idempotency-Key": randomUUID() },
  });
  const { jobId } = await submitted.json();
  for await (const { kind, job } of events(jobId)) {
    if (kind === "progress") console.error(`${job.status}, ${Math.round(job.progress)} %`);
    else if (kind === "complete") {
      const { successProbability, digest } = job.results;
      console.log(JSON.stringify({ successProbability, digest }));
    } else throw new Error(`the job is ${job.status}: ${job.error ?? ""}`);
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
