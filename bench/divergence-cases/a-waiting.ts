// Healthy conversations that wait: polls, watches, retries that end, and scheduled ticks.
// Must never hold a wait for something that cannot come any more.

import type { LabelledCase } from "./labelled-case.ts";
import { Transcript, code, hex, turning, upTo } from "./a-transcripts.ts";

function imageBuildProgress(): LabelledCase {
  const talk = new Transcript("You release container images. Tools: build.start, build.status.");
  talk.user("Build and push search-api 5.2.0.");
  talk.call(
    "build.start",
    { repo: "search-api", tag: "5.2.0" },
    { id: "b-90071", state: "queued" },
  );
  for (const percent of [4, 11, 23, 23, 41, 58, 76, 90]) {
    talk.call("build.status", { id: "b-90071" }, { id: "b-90071", state: "running", percent });
  }
  talk.call(
    "build.status",
    { id: "b-90071" },
    { id: "b-90071", state: "succeeded", percent: 100, digest: `sha256:${hex("image", 24)}` },
  );
  talk.say("search-api 5.2.0 is built and pushed.");
  return talk.healthy(
    "image-build-progress",
    "The status call is always the same, its percentage grows, and the build succeeds.",
  );
}

function patientRestore(): LabelledCase {
  const talk = new Transcript(
    "You are a database operator. Tools: pg_restore_status, sleep.",
    "counted",
  );
  talk.user("The restore of 400 GB has started; it takes about an hour. Tell me when it is done.");
  for (const minutes of [10, 10, 10, 10, 10, 5]) {
    talk.call("sleep", { minutes }, `slept ${minutes} min`);
    talk.call("pg_restore_status", { job: 17 }, { job: 17, state: "running" });
  }
  talk.call("sleep", { minutes: 5 }, "slept 5 min");
  talk.call("pg_restore_status", { job: 17 }, { job: 17, state: "done", elapsed_min: 61 });
  talk.call(
    "run_sql",
    { sql: "SELECT count(*) FROM orders" },
    "count\n---------\n88120417\n(1 row)",
  );
  talk.say("The restore is done after 61 minutes; `orders` has 88,120,417 rows.");
  return talk.healthy(
    "patient-restore",
    "Asked to wait an hour, it looks every ten minutes with a bare `running` until it is done.",
  );
}

function rateLimitedUpload(): LabelledCase {
  const talk = new Transcript("You upload photos to the archive with archive_put.", "anthropic");
  talk.user("Upload the six scans of box 12.");
  const put = (number: number, result: string): Transcript =>
    talk.call("archive_put", { file: `box12/scan_${number}.tif` }, result);
  const limited = "429 Too Many Requests. Retry after 20 seconds.";
  put(1, "201 Created a-5510");
  put(2, "201 Created a-5511");
  put(3, limited);
  talk.call("sleep", { seconds: 20 }, "ok");
  put(3, limited);
  talk.call("sleep", { seconds: 40 }, "ok");
  put(3, limited);
  talk.call("sleep", { seconds: 80 }, "ok");
  put(3, "201 Created a-5512");
  put(4, "201 Created a-5513");
  put(5, limited);
  talk.call("sleep", { seconds: 20 }, "ok");
  put(5, "201 Created a-5514");
  put(6, "201 Created a-5515");
  talk.say("All six scans are in the archive: a-5510 to a-5515.");
  return talk.healthy(
    "rate-limited-upload",
    "The retries follow the rate limit with growing waits, and all of them succeed.",
  );
}

function approvalArrives(): LabelledCase {
  const talk = new Transcript(
    "You file travel requests. Check the inbox every 15 minutes until the answer.",
  );
  talk.user("Ask Ms Okafor to approve my trip to Oslo, and book it once she has said yes.");
  talk.call(
    "send_email",
    { to: "n.okafor@acme.test", subject: "Approval: Oslo, 2-4 December" },
    { status: "sent", message_id: `<${code("oslo", 12)}@acme.test>` },
  );
  for (const time of ["09:15", "09:30", "09:45", "10:00", "10:15"]) {
    talk.call("wait_until", { time }, { now: time });
    talk.call("inbox_search", { from: "n.okafor@acme.test", unread: true }, { messages: [] });
  }
  talk.call("wait_until", { time: "10:30" }, { now: "10:30" });
  talk.call(
    "inbox_search",
    { from: "n.okafor@acme.test", unread: true },
    { messages: [{ subject: "Re: Approval: Oslo", body: "Approved, go ahead." }] },
  );
  talk.call(
    "book_trip",
    { city: "Oslo", from: "2025-12-02", to: "2025-12-04" },
    { booking: "TR-2209" },
  );
  talk.say("Ms Okafor has approved. Your trip is booked: TR-2209.");
  return talk.healthy(
    "approval-arrives-at-last",
    "It was told to check every quarter of an hour; the answer comes at the sixth look.",
  );
}

function heartbeats(): LabelledCase {
  const talk = new Transcript("When nothing needs attention, answer exactly HEARTBEAT_OK.");
  const at = (half: number): string =>
    `${String(8 + Math.floor(half / 2)).padStart(2, "0")}:${half % 2 === 0 ? "00" : "30"}`;
  for (const half of upTo(24)) {
    talk.user(
      `[scheduler] Heartbeat ${at(half)}. HEARTBEAT.md is ${half === 9 ? "new" : "empty"}.`,
    );
    if (half === 9) {
      talk.call("read_file", { path: "HEARTBEAT.md" }, "- remind Jo of the dentist at 15:00");
      talk.call("notify", { to: "Jo", text: "Dentist at 15:00" }, "sent");
      talk.say("Jo has been reminded of the dentist.");
    } else talk.say("HEARTBEAT_OK");
  }
  return talk.healthy(
    "half-hourly-heartbeats",
    "A scheduler asks every half hour and the agreed answer is the same two words.",
  );
}

function trainingChinese(): LabelledCase {
  const talk = new Transcript("你是模型训练助手,可以查看训练任务并在完成后导出模型。", "short");
  talk.user("盯着任务 train-0412,训练完就导出 ONNX。");
  const losses = [2.31, 1.87, 1.52, 1.29, 1.14, 1.05, 0.98, 0.94, 0.91, 0.9];
  for (const [index, loss] of losses.entries()) {
    talk.call(
      "get_job",
      { job_id: "train-0412" },
      { job_id: "train-0412", status: "训练中", epoch: index + 1, total: 10, loss },
      turning(["继续等待训练。", "损失仍在下降。", "训练正常。"], index),
    );
  }
  talk.call(
    "get_job",
    { job_id: "train-0412" },
    { job_id: "train-0412", status: "已完成", epoch: 10 },
  );
  talk.call(
    "export_model",
    { job_id: "train-0412", format: "onnx" },
    { path: "models/0412.onnx", mb: 214 },
  );
  talk.say("训练已完成,模型已导出到 models/0412.onnx(214 MB)。");
  return talk.healthy(
    "zh-training-watched",
    "Every look shows a later epoch; the model is exported at the end.",
  );
}

function stagedRollout(): LabelledCase {
  const talk = new Transcript(
    "You roll out releases in stages and check health after each stage.",
    "reused",
  );
  talk.user("Roll out checkout v311 to production.");
  for (const percent of [1, 5, 10, 25, 50, 75, 100]) {
    talk.call("rollout.set", { app: "checkout", version: "v311", percent }, "ok");
    talk.call("rollout.health", { app: "checkout" }, { status: "healthy", error_rate: 0.001 });
  }
  talk.say("checkout v311 runs on 100 % of production and is healthy.");
  return talk.healthy(
    "rollout-in-seven-stages",
    "The health check is equal after each stage, as it has to be; the stage is another one.",
  );
}

function thermostatTicks(): LabelledCase {
  const talk = new Transcript(
    "Du regelst die Heizung. Bei jedem Takt: Temperatur lesen, Ventil stellen.",
  );
  const readings = [19.2, 19.4, 19.9, 20.4, 20.9, 21.2, 21.3, 21.1, 20.9, 21.0, 21.0, 21.0];
  for (const [index, celsius] of readings.entries()) {
    talk.user(`Takt ${index + 1}, ${String(6 + index).padStart(2, "0")}:00 Uhr. Soll: 21,0 °C.`);
    talk.call("heizung.lesen", { raum: "Bad" }, { raum: "Bad", ist: celsius });
    const valve = Math.max(0, Math.min(100, Math.round((21.4 - celsius) * 50)));
    talk.call("heizung.ventil", { raum: "Bad", prozent: valve }, "gestellt");
    talk.say(`Bad: ${celsius.toFixed(1).replace(".", ",")} °C, Ventil ${valve} %.`);
  }
  return talk.healthy(
    "de-thermostat-ticks",
    "Hourly ticks with the same two calls; the readings move, then hold.",
  );
}

function lockReleased(): LabelledCase {
  const talk = new Transcript("You are a packaging agent with a bash tool.");
  talk.user("Install ripgrep on this Debian box.");
  const install = (output: string, said?: string): Transcript =>
    talk.call("bash", { command: "apt-get install -y ripgrep" }, output, said);
  install(
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 811 (unattended-upgr)",
  );
  talk.call("bash", { command: "sleep 60; ps -p 811 -o etime=" }, "  04:12");
  install(
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 811 (unattended-upgr)",
  );
  talk.call("bash", { command: "sleep 120; ps -p 811 -o etime=" }, "", "The upgrade has ended.");
  install("Setting up ripgrep (14.1.1-1) ...\nProcessing triggers for man-db (2.13.1-1) ...");
  talk.say("ripgrep 14.1.1 is installed.");
  return talk.healthy(
    "dpkg-lock-released",
    "Another process holds a lock; after waiting for it the third try works.",
  );
}

export const cases: readonly LabelledCase[] = [
  imageBuildProgress(),
  patientRestore(),
  rateLimitedUpload(),
  approvalArrives(),
  heartbeats(),
  trainingChinese(),
  stagedRollout(),
  thermostatTicks(),
  lockReleased(),
];
