// The page: try a letter, read the contract. Everything shown is set as text, never as markup.

const ACTIONS = { auto: "自动分派", suggest: "建议分派", review: "人工研判" };
const LEVELS = { low: 1, normal: 2, urgent: 3, emergency: 4 };
const LEVEL_NAMES = { low: "不急", normal: "一般", urgent: "加急", emergency: "特急" };
const PLACEHOLDERS = {
  PHONE: "手机号", TEL: "电话", ID: "证件号", CARD: "银行卡", PLATE: "车牌", PASSPORT: "护照", EMAIL: "邮箱",
  WECHAT: "微信", QQ: "QQ", ROOM: "房号", NAME: "姓名", NUM: "号码",
};
const PLACEHOLDER = new RegExp(`\\[(?:${Object.keys(PLACEHOLDERS).join("|")})\\]`, "g");
const METHODS = { lexical: "词法模型", occlusion: "逐段遮盖" };
const READY_EVERY = 1000;
const CHECK_EVERY = 30000;

const byId = (id) => document.getElementById(id);
const form = byId("form");
const answer = byId("answer");
let contract = null;
let running = null;

/** An element with properties and children; strings become text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const percent = (share) => `${(100 * share).toFixed(share >= 0.1 ? 0 : 1)}%`;

// ── theme ────────────────────────────────────────────────────────────────────────────────────────────────

function remembered() {
  try { return localStorage.getItem("theme"); } catch { return null; }
}
const theme = remembered();
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a private window forgets, no harm */ }
});

// ── status ───────────────────────────────────────────────────────────────────────────────────────────────

async function watchStatus() {
  let state = "down", told = "连接不上服务", next = READY_EVERY;
  try {
    const response = await fetch("health/ready");
    const body = await response.json();
    if (response.ok) {
      state = "ready";
      told = `就绪 · ${body.bundle} · 目录 ${body.taxonomy} ${body.taxonomy_version}`;
      next = CHECK_EVERY;
    } else {
      state = "waiting";
      told = body.detail ?? "尚未就绪";
    }
  } catch { /* told above */ }
  byId("status").dataset.state = state;
  byId("status").lastElementChild.textContent = told;
  byId("status").title = told;
  setTimeout(watchStatus, next);
}

// ── the letter ───────────────────────────────────────────────────────────────────────────────────────────

const field = (name) => form.elements.namedItem(name);

function postedTicket() {
  const ticket = {};
  for (const name of ["title", "content", "channel"]) {
    if (field(name).value.trim()) ticket[name] = field(name).value;
  }
  if (field("created_at").value) {
    const local = field("created_at").value;
    ticket.created_at = `${local.length === 16 ? `${local}:00` : local}+08:00`;
  }
  const location = {};
  for (const name of ["district", "street", "address"]) {
    if (field(name).value.trim()) location[name] = field(name).value;
  }
  if (Object.keys(location).length) ticket.location = location;
  return ticket;
}

function fillIn(ticket) {
  const given = key.value;
  form.reset();
  key.value = given;
  for (const name of ["title", "content", "channel"]) field(name).value = ticket[name] ?? "";
  for (const name of ["district", "street", "address"]) field(name).value = ticket.location?.[name] ?? "";
  field("created_at").value = (ticket.created_at ?? "").slice(0, 19);
  countCharacters();
}

function countCharacters() {
  byId("count").textContent = `${Array.from(field("content").value).length} 字`;
}

function showExamples(examples) {
  const place = byId("examples");
  for (const { summary, value } of Object.values(examples)) {
    const button = make("button", { type: "button", "aria-pressed": "false", onclick: () => {
      for (const each of place.children) each.setAttribute("aria-pressed", String(each === button));
      fillIn(value);
      send();
    } }, summary);
    place.append(button);
  }
}

// ── the key ──────────────────────────────────────────────────────────────────────────────────────────────

// Kept for this tab alone, sent in a header, never shown and never in an address.
const key = byId("key");
try { key.value = sessionStorage.getItem("key") ?? ""; } catch { /* a private window forgets, no harm */ }
key.addEventListener("input", () => {
  try { sessionStorage.setItem("key", key.value.trim()); } catch { /* as above */ }
});

function authorization() {
  const given = key.value.trim();
  return given ? { Authorization: `Bearer ${given}` } : {};
}

function askForKey() {
  byId("more").open = true;
  key.focus();
}

async function send() {
  const ticket = postedTicket();
  if (!ticket.content) {
    field("content").focus();
    return;
  }
  running?.abort();
  const mine = running = new AbortController();
  byId("go").disabled = true;
  answer.classList.add("busy");
  const path = `v1/predict${field("explain").value === "full" ? "?explain=full" : ""}`;
  const started = performance.now();
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...authorization() },
      body: JSON.stringify(ticket),
      signal: mine.signal,
    });
    const body = await response.json();
    if (response.status === 401) askForKey();
    const took = performance.now() - started;
    answer.replaceChildren(...(response.ok
      ? shownPrediction(body, { took, requestId: response.headers.get("X-Request-ID"), ticket, path })
      : [shownProblem(body, response.headers.get("Retry-After"))]));
    if (matchMedia("(max-width: 900px)").matches) answer.scrollIntoView();
  } catch (error) {
    if (error.name === "AbortError") return;
    answer.replaceChildren(shownProblem({ title: "连接不上服务", detail: "请确认服务在运行，再试一次。" }));
  } finally {
    if (running === mine) {
      byId("go").disabled = false;
      answer.classList.remove("busy");
    }
  }
}

form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); }
});
field("content").addEventListener("input", countCharacters);

// ── the answer ───────────────────────────────────────────────────────────────────────────────────────────

function shownPrediction(prediction, { took, requestId, ticket, path }) {
  const { department, decision, second_department: second } = prediction;
  const verdict = make("div", { class: "verdict" },
    make("p", { class: "to" }, department.name, make("small", {}, department.code)),
    make("div", { class: "seal", "data-action": decision.action }, ACTIONS[decision.action] ?? decision.action),
    make("p", { class: "sure" }, "把握 ", make("b", {}, percent(department.probability)),
      second ? `　另有一项似归${second.name}（${percent(second.probability)}）` : ""));
  const reasons = make("ul", { class: "reasons", "data-action": decision.action },
    ...decision.reasons.map((reason) => make("li", { title: reason.code }, reason.text)));
  return [
    verdict, reasons,
    make("div", { class: "block pair" }, shownUrgency(prediction.urgency), shownKind(prediction.kind)),
    make("div", { class: "block" }, make("h3", {}, "最可能的五个单位"), shownRanks(department.top)),
    shownEvidence(prediction),
    make("div", { class: "block" }, shownRecord(prediction, took, requestId), shownRaw(prediction, ticket, path)),
  ];
}

function shownUrgency(urgency) {
  const chips = [
    ...distinct(urgency.raised_by).map((hit) => make("span", { title: hit.rule }, `“${hit.text}”`)),
    ...distinct(urgency.flags).map((hit) => make("span", { class: "flag", title: hit.rule }, `“${hit.text}”`)),
  ];
  return make("div", {},
    make("h3", {}, "紧急程度"),
    make("p", { class: "big" }, urgency.name, make("small", {}, urgency.code === urgency.model_code
      ? percent(urgency.probability)
      : `规则上调；模型判为${LEVEL_NAMES[urgency.model_code] ?? urgency.model_code}`)),
    make("div", { class: "levels", "data-level": String(LEVELS[urgency.code] ?? 2), role: "img", "aria-label": urgency.name },
      ...[1, 2, 3, 4].map(() => make("i"))),
    urgency.respond_by ? make("p", { class: "due" }, `${shownTime(urgency.respond_by)} 前首次响应`) : "",
    chips.length ? make("div", { class: "chips" }, ...chips) : "");
}

const distinct = (hits) => [...new Map(hits.map((hit) => [hit.text, hit])).values()];

function shownKind(kind) {
  return make("div", {},
    make("h3", {}, "诉求类型"),
    make("p", { class: "big" }, kind.name, make("small", {}, `${kind.code} · ${percent(kind.probability)}`)));
}

function shownRanks(top) {
  return make("ol", { class: "ranks" }, ...top.map(({ name, code, probability }) => {
    const share = make("i");
    share.style.setProperty("width", `${Math.max(1, 100 * probability)}%`);
    return make("li", {}, make("span", { class: "name", title: `${name} ${code}` }, name),
      make("span", { class: "track" }, share), make("span", { class: "share" }, percent(probability)));
  }));
}

function shownEvidence({ masked, evidence, urgency }) {
  const strongest = Math.max(...evidence.spans.map((span) => Math.abs(span.weight)), 1e-9);
  const hits = [...urgency.raised_by, ...urgency.flags];
  const text = make("div", { class: "read", tabIndex: 0, "aria-label": "遮盖后的来信，证据已标出" });
  for (const name of ["title", "content"]) {
    if (!masked[name]) continue;
    const line = make("span", { class: name === "title" ? "head" : "" });
    line.append(...shownText(masked[name], evidence.spans.filter((span) => span.field === name),
      hits.filter((hit) => hit.field === name), strongest));
    text.append(line);
  }
  const legend = make("p", { class: "legend" },
    make("span", {}, `越深，越说明归这个单位（${METHODS[evidence.method] ?? evidence.method}）`),
    hits.length ? make("span", { class: "rule" }, "触发紧急规则的字词") : "",
    text.querySelector(".masked") ? make("span", { class: "masked" }, "已遮盖的个人信息") : "");
  return make("div", { class: "block" }, make("h3", {}, "凭什么"), text, legend);
}

/** The text with its evidence, rule hits and placeholders marked. Offsets count characters, not UTF-16 units. */
function shownText(text, spans, hits, strongest) {
  const characters = Array.from(text);
  const looks = characters.map(() => ({ weight: 0, rule: false, masked: null }));
  for (const span of spans) {
    for (let at = span.start; at < Math.min(span.end, looks.length); at += 1) {
      if (Math.abs(span.weight) > Math.abs(looks[at].weight)) looks[at].weight = span.weight;
    }
  }
  for (const hit of hits) {
    for (let at = hit.start; at < Math.min(hit.end, looks.length); at += 1) looks[at].rule = true;
  }
  for (const found of text.matchAll(PLACEHOLDER)) {
    const start = Array.from(text.slice(0, found.index)).length;
    for (let at = start; at < start + found[0].length; at += 1) looks[at].masked = `${found[0]}@${start}`;
  }
  const parts = [];
  let start = 0;
  const same = (one, other) => one.weight === other.weight && one.rule === other.rule && one.masked === other.masked;
  for (let end = 1; end <= characters.length; end += 1) {
    if (end < characters.length && same(looks[start], looks[end])) continue;
    parts.push(shownPart(characters.slice(start, end).join(""), looks[start], strongest));
    start = end;
  }
  return parts;
}

function shownPart(text, { weight, rule, masked }, strongest) {
  let part = text;
  if (masked) {
    const name = masked.slice(1, masked.indexOf("]"));
    part = make("span", { class: "masked", title: `${PLACEHOLDERS[name]}，已遮盖` }, PLACEHOLDERS[name]);
  }
  if (rule) part = make("span", { class: "rule" }, part);
  if (weight !== 0) {
    const mark = make("mark", { class: weight < 0 ? "against" : "", title: `权重 ${weight.toFixed(3)}` }, part);
    mark.style.setProperty("--weight", (0.16 + 0.56 * (Math.abs(weight) / strongest)).toFixed(2));
    part = mark;
  }
  return part;
}

function shownRecord(prediction, took, requestId) {
  const { versions } = prediction;
  return make("p", { class: "record" },
    make("span", {}, `模型 ${prediction.milliseconds.toFixed(1)} 毫秒`),
    make("span", {}, `往返 ${took.toFixed(0)} 毫秒`),
    make("span", {}, `模型包 ${versions.bundle}`),
    make("span", {}, `目录 ${versions.taxonomy} ${versions.taxonomy_version}`),
    make("span", {}, `请求 ${requestId ?? ""}`));
}

function shownRaw(prediction, ticket, path) {
  return make("div", {},
    folded("同样的一条命令", curl(path, ticket), "wrap"),
    folded("答复全文（JSON）", JSON.stringify(prediction, null, 2)));
}

function folded(name, text, look = "") {
  return make("details", { class: "raw" }, make("summary", {}, name), copied(text, look));
}

function copied(text, look = "") {
  const button = make("button", { class: "copy", type: "button", onclick: async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "已复制";
    setTimeout(() => { button.textContent = "复制"; }, 1500);
  } }, "复制");
  // Only a page from this machine or over HTTPS may write to the clipboard.
  return make("pre", { class: look }, navigator.clipboard ? button : "", text);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(path, body) {
  const address = new URL(path, document.baseURI).href;
  const withKey = key.value.trim() ? ` -H "Authorization: Bearer $FENBO_KEY"` : "";
  if (body === undefined) return `curl -s ${quoted(address)}${withKey}`;
  return `curl -s ${quoted(address)}${withKey} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

function shownTime(utc) {
  return new Intl.DateTimeFormat("zh-CN", {
    timeZone: "Asia/Shanghai", month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit",
    hourCycle: "h23",
  }).format(new Date(utc));
}

function shownProblem(problem, retryAfter) {
  const errors = problem.errors ?? [];
  return make("div", { class: "problem", role: "alert" },
    make("h3", {}, problem.title ?? "出错了"),
    make("p", {}, problem.detail ?? "", retryAfter ? `（${retryAfter} 秒后可再试）` : ""),
    errors.length ? make("ul", {}, ...errors.map((error) => make("li", {},
      make("code", {}, error.field), ` ${error.message}`,
      error.value ? `：收到 ${error.value}` : "", error.allowed ? `；允许 ${error.allowed}` : ""))) : "",
    problem.request_id ? make("p", { class: "quiet" }, `请求编号 ${problem.request_id}`) : "");
}

// ── the contract ─────────────────────────────────────────────────────────────────────────────────────────

function resolved(schema) {
  if (!schema?.$ref) return schema ?? {};
  return contract.components.schemas[schema.$ref.split("/").pop()] ?? {};
}

/** The schema without its "or null", and whether it had one. */
function withoutNull(schema) {
  const options = (schema.anyOf ?? []).filter((option) => option.type !== "null");
  if (!schema.anyOf || options.length === schema.anyOf.length) return [schema, false];
  return [options.length === 1 ? { ...schema, ...options[0], anyOf: undefined } : { ...schema, anyOf: options }, true];
}

function kindOf(given) {
  const [schema, nullable] = withoutNull(given);
  const target = resolved(schema);
  let kind = target.type ?? "";
  if (schema.enum ?? target.enum) kind = (schema.enum ?? target.enum).map((each) => JSON.stringify(each)).join(" | ");
  else if (target.const !== undefined) kind = JSON.stringify(target.const);
  else if (target.type === "array") kind = `[${kindOf(target.items ?? target.prefixItems?.[0] ?? {})}]`;
  else if (target.properties) kind = target.title ?? "object";
  else if (target.format) kind = target.format;
  return kind + (nullable ? " | null" : "");
}

function limits(given) {
  const [schema] = withoutNull(given);
  const told = [];
  if (schema.minLength) told.push(`至少 ${schema.minLength} 字`);
  if (schema.maxLength) told.push(`最多 ${schema.maxLength} 字`);
  if (schema.minimum !== undefined && schema.maximum !== undefined) told.push(`${schema.minimum} … ${schema.maximum}`);
  if (schema.default !== undefined && schema.default !== null && schema.default !== "") told.push(`默认 ${schema.default}`);
  return told.join("，");
}

/** Text with `code` in it. */
function rich(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

function prose(text) {
  const parts = [];
  for (const block of text.trim().split(/\n\s*\n/)) {
    if (block.startsWith("- ")) {
      const items = block.split(/\n(?=- )/).map((item) => item.slice(2).replace(/\s*\n\s*/g, ""));
      parts.push(make("ul", {}, ...items.map((item) => make("li", {}, ...rich(item)))));
    } else parts.push(make("p", {}, ...rich(block.replace(/\s*\n\s*/g, ""))));
  }
  return parts;
}

function fieldRows(schema, prefix = "") {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const [bare] = withoutNull(property);
    const inner = resolved(bare);
    const row = make("tr", {},
      make("td", {}, prefix + name, schema.required?.includes(name) ? make("span", { class: "need", title: "必填" }, "*") : ""),
      make("td", {}, make("span", { class: "kind" }, kindOf(property))),
      make("td", {}, ...rich(property.description ?? inner.description ?? ""), " ", make("span", { class: "quiet" }, limits(property))));
    return [row, ...(inner.properties ? fieldRows(inner, `${prefix}${name}.`) : [])];
  });
}

function table(heads, rows) {
  return make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))), make("tbody", {}, ...rows)));
}

function tree(given, depth = 0) {
  const schema = resolved(withoutNull(given)[0]);
  const inner = schema.type === "array" ? resolved(withoutNull(schema.items ?? {})[0]) : schema;
  if (!inner.properties || depth > 5) return "";
  return make("ul", { class: "tree" }, ...Object.entries(inner.properties).map(([name, property]) => make("li", {},
    make("code", {}, name), make("span", { class: "kind" }, kindOf(property)),
    property.description ? make("span", { class: "note" }, property.description) : "",
    tree(property, depth + 1))));
}

function part(name, ...children) {
  return make("div", {}, make("h3", {}, name), ...children);
}

function shownOperation(path, verb, operation) {
  const inside = make("div", { class: "inside" });
  if (operation.description) inside.append(make("p", {}, ...rich(operation.description)));
  if (operation["x-roles"]) inside.append(make("p", { class: "quiet" }, `密钥的角色：${operation["x-roles"].join("、")}`));
  const parameters = operation.parameters ?? [];
  if (parameters.length) {
    inside.append(part("参数", table(["名称", "类型", "说明"], parameters.map((each) => make("tr", {},
      make("td", {}, each.name), make("td", {}, make("span", { class: "kind" }, kindOf(each.schema))),
      make("td", {}, ...rich(each.description ?? each.schema.description ?? ""), " ",
        make("span", { class: "quiet" }, [{ query: "查询参数", header: "请求头", path: "路径" }[each.in], limits(each.schema)].filter(Boolean).join("，"))))))));
  }
  const body = operation.requestBody?.content?.["application/json"];
  if (body) {
    inside.append(part("请求体", table(["字段", "类型", "说明"], fieldRows(resolved(body.schema)))));
    const example = Object.values(body.examples ?? {})[0]?.value;
    if (example) inside.append(part("例子", copied(curl(path.slice(1), example), "wrap")));
  } else if (verb === "get" && !path.includes("{")) inside.append(part("例子", copied(curl(path.slice(1)), "wrap")));
  const ok = operation.responses["200"];
  const content = ok?.content?.["application/json"];
  if (content) {
    const answered = part("答复", make("p", { class: "quiet" }, ok.description), tree(content.schema));
    if (content.example) answered.append(folded("答复的例子", JSON.stringify(content.example, null, 2)));
    inside.append(answered);
  }
  inside.append(part("状态码", make("p", { class: "codes" }, ...Object.entries(operation.responses).map(([status, { description }]) =>
    make("span", {}, make("b", {}, status), status === "200" || status === "201" ? "成功" : description)))));
  return make("details", { class: "operation", id: operation.operationId },
    make("summary", {}, make("span", { class: "verb", "data-verb": verb }, verb.toUpperCase()),
      make("span", { class: "path" }, path), make("span", { class: "what" }, operation.summary ?? "")), inside);
}

function showContract() {
  byId("description").append(...prose(contract.info.description ?? ""));
  const operations = Object.entries(contract.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb, operation })));
  for (const tag of contract.tags ?? []) {
    byId("operations").append(make("h3", { class: "group" }, tag.name, make("span", {}, tag.description ?? "")),
      ...operations.filter(({ operation }) => operation.tags?.includes(tag.name))
        .map(({ path, verb, operation }) => shownOperation(path, verb, operation)));
  }
  byId("problem-table").tBodies[0].append(...(contract["x-problems"] ?? []).map((problem) => make("tr", {},
    make("td", {}, String(problem.status)), make("td", {}, make("code", {}, problem.type)),
    make("td", {}, problem.title), make("td", { class: "quiet" }, problem.detail))));
  byId("foot").textContent = `${contract.info.title} ${contract.info.version} · ${contract.info.license?.name ?? ""}`;
}

async function showReference() {
  const response = await fetch("openapi.json");
  contract = await response.json();
  showExamples(contract.paths["/v1/predict"]?.post?.requestBody?.content?.["application/json"]?.examples ?? {});
  showContract();
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

countCharacters();
watchStatus();
showReference().catch(() => {
  byId("description").append(make("p", {}, "接口说明没能读到；请确认服务在运行，再刷新本页。"));
});
