/* Shows openapi.json: its operations by tag, and of each what it wants and what it answers. Nothing
 * of the document is taken for markup. */
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/* An element; children are elements or texts. */
function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {}))
        element.setAttribute(key, value);
    element.append(...children.flat().filter((child) => child !== null && child !== ""));
    return element;
}

/* Texts with `words` in them, and paragraphs. */
function prose(text) {
    return (text || "").split("\n\n").filter(Boolean).map((paragraph) =>
        make("p", null, ...paragraph.split("`").map((part, i) => i % 2 ? make("code", null, part) : part)));
}

function follow(api, value) {
    for (let depth = 0; value && value.$ref && depth < 8; depth++)
        value = value.$ref.replace("#/", "").split("/").reduce((at, key) =>
            at[decodeURIComponent(key).replace(/~1/g, "/").replace(/~0/g, "~")], api);
    return value || {};
}

function table(headings, rows) {
    return make("div", {class: "scroll", tabindex: "0"}, make("table", null,
        make("thead", null, make("tr", null, headings.map((h) => make("th", {scope: "col"}, h)))),
        make("tbody", null, rows)));
}

/* ---- schemas ------------------------------------------------------------------------------- */

function typeOf(api, schema) {
    const name = schema.$ref ? schema.$ref.split("/").pop() : "";
    const s = follow(api, schema);
    if (name && s.type === "object")
        return name;
    if ("const" in s)
        return JSON.stringify(s.const);
    if (s.type === "array")
        return "list of " + typeOf(api, s.items || {});
    const either = s.anyOf || s.oneOf;
    if (either)
        return either.map((part) => typeOf(api, part)).join(" or ");
    const type = s.type || (s.enum ? "string" : "any");
    return s.format || (Array.isArray(type) ? type.join(" or ") : type);
}

/* What a value may be, in words. */
function limitsOf(s) {
    const words = [];
    const range = (low, high, unit) => {
        if (low !== undefined || high !== undefined)
            words.push((low === undefined ? `at most ${high}` : high === undefined ? `at least ${low}`
                : `${low} to ${high}`) + unit);
    };
    range(s.minimum, s.maximum, "");
    if (s.minLength === 1 && s.maxLength === undefined)
        words.push("not empty");
    else
        range(s.minLength, s.maxLength, " characters");
    range(s.minItems, s.maxItems, " items");
    if (s.enum)
        words.push("one of " + s.enum.map((value) => `\`${String(value).trim()}\``).join(", "));
    if (s.pattern)
        words.push("matches `" + s.pattern + "`");
    if (s.default !== undefined)
        words.push("`" + s.default + "` when it is left out");
    const text = words.join("; ");
    return text ? text[0].toUpperCase() + text.slice(1) + "." : "";
}

function remarks(api, schema, description) {
    const s = follow(api, schema);
    return prose([description || schema.description || s.description, limitsOf(s)].filter(Boolean).join(" "));
}

/* The object schemas within this one, by name: each gets a table. */
function objectsIn(api, schema, found, name) {
    const s = follow(api, schema);
    const own = schema.$ref ? schema.$ref.split("/").pop() : name;
    if (s.properties) {
        if (found.has(own))
            return found;
        found.set(own, s);
    }
    for (const [key, part] of Object.entries(s.properties || {}))
        objectsIn(api, part, found, key);
    const others = [s.items, s.contentSchema, ...(s.anyOf || []), ...(s.oneOf || [])];
    if (typeof s.additionalProperties === "object")
        others.push(s.additionalProperties);
    for (const part of others.filter(Boolean))
        objectsIn(api, part, found, own);
    return found;
}

function schemaTables(api, schema, name) {
    return [...objectsIn(api, schema, new Map(), name)].map(([title, s]) => make("div", null,
        make("p", null, make("strong", null, title), s.description ? ": " + s.description : ""),
        table(["key", "type", ""], Object.entries(s.properties).map(([key, part]) => make("tr", null,
            make("td", null, make("code", null, key), (s.required || []).includes(key) ? " *" : ""),
            make("td", null, typeOf(api, part)), make("td", null, remarks(api, part)))))));
}

/* ---- examples ------------------------------------------------------------------------------ */

function shown(value) {
    return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function example(title, text) {
    const button = make("button", {type: "button"}, "Copy");
    button.setAttribute("aria-label", "Copy: " + title);
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(text);
            button.textContent = "Copied";
        } catch (_) { /* no clipboard without https: mark it, so that the keys copy it */
            getSelection().selectAllChildren(button.nextElementSibling);
            button.textContent = "Press Ctrl+C";
        }
    });
    return make("div", {class: "example"}, button, make("pre", {tabindex: "0"}, make("code", null, text)));
}

function quoted(text) {
    return "'" + text.replace(/'/g, "'\\''") + "'";
}

function curl(api, method, path, operation, parameters) {
    const url = path.replace(/\{(\w+)\}/g, (whole, name) => {
        const p = parameters.find((each) => each.in === "path" && each.name === name);
        return p && p.example ? p.example : whole;
    });
    const query = parameters.filter((p) => p.in === "query" && p.example !== undefined)
        .map((p) => `${encodeURIComponent(p.name)}=${encodeURIComponent(p.example)}`).join("&");
    const lines = ["curl -sS" + (method === "get" ? "" : " -X " + method.toUpperCase())];
    const security = operation.security || api.security || [];
    const scheme = security.length ? api.components.securitySchemes[Object.keys(security[0])[0]] : {};
    if (scheme.type === "http")
        lines.push('-H "Authorization: Bearer $(cat token)"');
    else if (scheme.in === "cookie")
        lines.push("-b cookies -c cookies");
    const content = (follow(api, operation.requestBody).content || {});
    for (const [type, media] of Object.entries(content))
        if (media.example !== undefined)
            lines.push(`-H ${quoted("Content-Type: " + type)}`, "--data-binary " + quoted(
                typeof media.example === "string" ? media.example : JSON.stringify(media.example)));
    lines.push(quoted(location.origin + url + (query ? "?" + query : "")));
    return lines.join(" \\\n    ");
}

/* ---- operations ---------------------------------------------------------------------------- */

function parameterRows(api, parameters) {
    return parameters.map((p) => make("tr", null,
        make("td", null, make("code", null, p.name), p.required ? " *" : ""),
        make("td", null, p.in), make("td", null, typeOf(api, p.schema)),
        make("td", null, remarks(api, p.schema, p.description))));
}

function messagesOf(api, answer) {
    const media = (answer.content || {})["text/plain"];
    const schema = media ? follow(api, media.schema) : {};
    const messages = schema.enum || ("const" in schema ? [schema.const] : []);
    return messages.map((m) => make("div", null, make("code", null, m.trim())));
}

function answerRows(api, operation) {
    return Object.entries(operation.responses).map(([status, reference]) => {
        const answer = follow(api, reference);
        const headers = Object.entries(answer.headers || {}).map(([name, h]) => make("div", null,
            make("code", null, name + ("const" in (h.schema || {}) ? ": " + h.schema.const : "")), " "));
        const types = Object.keys(answer.content || {}).join(", ");
        return make("tr", null, make("td", null, make("code", null, status)), make("td", null, types),
            make("td", null, prose(answer.description), headers, messagesOf(api, answer)));
    });
}

function answerDetails(api, operation) {
    const parts = [];
    for (const [status, reference] of Object.entries(operation.responses))
        for (const [type, media] of Object.entries(follow(api, reference).content || {})) {
            const tables = type.includes("json") ? schemaTables(api, media.schema || {}, "answer") : [];
            if (tables.length)
                parts.push(make("details", null, make("summary", null, `Body of ${status}`), tables));
            if (type.includes("json") && media.example !== undefined)
                parts.push(example(`an answer of ${operation.operationId}`, shown(media.example)));
        }
    return parts;
}

function access(api, operation) {
    const security = operation.security || api.security || [];
    if (!security.length)
        return "Needs no token.";
    const names = {bearer: "a client's token", apiKey: "a client's token", cookie: "a person's cookie"};
    return "Needs " + [...new Set(security.map((s) => names[Object.keys(s)[0]] || Object.keys(s)[0]))].join(" or ") + ".";
}

function article(api, path, method, item) {
    const operation = item[method];
    const parameters = [...(item.parameters || []), ...(operation.parameters || [])].map((p) => follow(api, p));
    const body = operation.requestBody && follow(api, operation.requestBody);
    const part = make("article", {id: operation.operationId, "aria-labelledby": operation.operationId + "-name"},
        make("h3", {id: operation.operationId + "-name"}, make("span", {class: "method " + method}, method.toUpperCase()), " ",
            make("code", null, path)),
        make("p", null, operation.summary + ". " + access(api, operation)), prose(operation.description));
    if (parameters.length)
        part.append(make("h4", null, "Parameters"),
            table(["name", "in", "type", ""], parameterRows(api, parameters)));
    if (body) {
        part.append(make("h4", null, "Body"), ...prose(body.description));
        for (const media of Object.values(body.content))
            part.append(...schemaTables(api, media.schema, "body"));
    }
    part.append(make("h4", null, "Answers"), table(["status", "type", ""], answerRows(api, operation)),
        ...answerDetails(api, operation), make("h4", null, "With curl"),
        example(`curl for ${operation.operationId}`, curl(api, method, path, operation, parameters)));
    return part;
}

function show(api) {
    const contents = document.getElementById("contents");
    const main = document.getElementById("operations");
    document.title = `${api.info.title}: API`;
    document.getElementById("title").textContent = `${api.info.title} ${api.info.version}`;
    document.getElementById("about").append(...prose(api.info.description),
        make("p", {class: "dim"}, "* is required."));
    for (const tag of api.tags) {
        const list = make("ul"), section = make("section", {"aria-label": tag.name}, make("h2", null, tag.name),
            ...prose(tag.description));
        for (const [path, item] of Object.entries(api.paths))
            for (const method of METHODS)
                if (item[method] && item[method].tags[0] === tag.name) {
                    section.append(article(api, path, method, item));
                    list.append(make("li", null, make("a", {href: "#" + item[method].operationId},
                        make("span", {class: "method " + method}, method.toUpperCase()), " " + path)));
                }
        contents.append(make("div", null, make("h2", null, tag.name), list));
        main.append(section);
    }
    filterBy(document.getElementById("filter"));
    const wanted = location.hash && document.getElementById(location.hash.slice(1));
    if (wanted)
        wanted.scrollIntoView();
}

function filterBy(input) {
    const articles = [...document.querySelectorAll("article")];
    const texts = articles.map((a) => a.textContent.toLowerCase());
    input.addEventListener("input", () => {
        const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        let found = 0;
        articles.forEach((a, i) => {
            a.hidden = !words.every((word) => texts[i].includes(word));
            found += !a.hidden;
            document.querySelector(`nav a[href="#${a.id}"]`).parentElement.hidden = a.hidden;
        });
        for (const part of document.querySelectorAll("main section, nav div"))
            part.hidden = !part.querySelector("article:not([hidden]), li:not([hidden])");
        document.getElementById("found").textContent = words.length ? `${found} of ${articles.length}` : "";
    });
}

fetch("v1/openapi.json").then((answer) => answer.json()).then(show).catch((error) =>
    document.getElementById("about").append(make("p", {role: "alert"}, "openapi.json cannot be shown: " + error.message)));
