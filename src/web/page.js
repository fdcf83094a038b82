// What both pages need: elements, requests, the login, events, and formats.

import { language, text } from "./strings.js";

export const $ = (id) => document.getElementById(id);

// Makes an element.  Texts become text nodes and never markup.
export function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) {
            continue;
        } else if (name.startsWith("on")) {
            node.addEventListener(name.slice(2), value);
        } else {
            node.setAttribute(name, value === true ? "" : value);
        }
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

// What somebody else has said or chosen: of any length and direction.
export function foreign(value, most = 20000) {
    const whole = String(value ?? "");
    const shown = whole.length > most ? [...whole.slice(0, most)].join("") + "…" : whole;
    return el("bdi", { class: "foreign", title: shown !== whole ? whole.slice(0, 500) : false }, shown);
}

// Puts the texts into what has data-text (and data-label) in the document.
export function translate(root = document) {
    document.documentElement.lang = language;
    for (const node of root.querySelectorAll("[data-text]")) {
        node.textContent = text(node.dataset.text);
    }
    for (const node of root.querySelectorAll("[data-label]")) {
        node.setAttribute("aria-label", text(node.dataset.label));
    }
    for (const node of root.querySelectorAll("[data-hint]")) {
        node.placeholder = text(node.dataset.hint);
    }
    document.title = text(document.body.dataset.title);
}

export class Refused extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

// Asks the server below this page; an answer that is no success is thrown.
export async function ask(path, body) {
    let answer;
    try {
        answer = await fetch(path, body === undefined ? { cache: "no-store" } : {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-Voiceai-Page": "1" },
            body: JSON.stringify(body),
        });
    } catch {
        throw new Refused(0, text("offline"));
    }
    const content = await answer.text();
    let json = null;
    try {
        json = content ? JSON.parse(content) : null;
    } catch {
        // an error page of somebody in between
    }
    if (!answer.ok) {
        throw new Refused(answer.status, json?.error ?? `${answer.status} ${answer.statusText}`);
    }
    return json;
}

// Resolves when this page may use the interface, asking for the key if need be.
export async function signIn() {
    translate();
    for (let wait = 1000; ; wait = Math.min(wait * 2, 15000)) {
        try {
            const me = await ask("me");
            if (me.access === "none") {
                say($("key-status"), text("key_none"));
                $("key-form").hidden = true;
            } else if (me.allowed) {
                return entered(me);
            }
            $("login").hidden = false;
            $("key").focus();
            break;
        } catch (error) {
            say($("key-status"), text("failed", { error: error.message }));
            $("key-form").hidden = true;
            $("login").hidden = false;
            await new Promise((resolve) => setTimeout(resolve, wait));
            $("key-form").hidden = false;
        }
    }
    return new Promise((resolve) => {
        $("key-form").addEventListener("submit", async (event) => {
            event.preventDefault();
            try {
                await ask("login", { key: $("key").value });
                $("key").value = "";
                const me = await ask("me");
                if (!me.allowed) {
                    throw new Refused(0, text("offline"));
                }
                resolve(entered(me));
            } catch (error) {
                say($("key-status"), text("failed", { error: error.message }));
                $("key").select();
            }
        });
    });
}

function entered(me) {
    $("login").hidden = true;
    $("page").hidden = false;
    if (me.logout) {
        $("sign-out").hidden = false;
        $("sign-out").addEventListener("click", async () => {
            await ask("logout", {}).catch(() => {});
            location.reload();
        });
        setInterval(renew, 300000);
    }
    return me;
}

// A cookie lasts an hour; asking who we are renews it.
async function renew() {
    const me = await ask("me").catch(() => null);
    if (me && !me.allowed) {
        location.reload();
    }
}

// Changes a live text only if it is another one, so that it is read out once.
export function say(node, message) {
    if (node.textContent !== message) {
        node.textContent = message;
    }
}

// The server's clock, by what its last event said.
let ahead = 0;
export const serverTime = () => Date.now() / 1000 + ahead;

// Calls back with every event, for as long as the page lives, and with whether
// the connection stands.
export function events(heard, connected) {
    let wait = 500;
    let ready;
    const first = new Promise((resolve) => {
        ready = resolve;
    });
    function open() {
        const url = new URL("api/events", location.href);
        url.protocol = url.protocol.replace("http", "ws");
        const socket = new WebSocket(url);
        socket.addEventListener("open", () => {
            wait = 500;
            connected(true);
            ready();
        });
        socket.addEventListener("message", (message) => {
            let event;
            try {
                event = JSON.parse(message.data);
            } catch {
                return;
            }
            if (event?.call?.call_sid) {
                ahead = event.time - Date.now() / 1000;
                heard(event);
            }
        });
        socket.addEventListener("close", () => {
            connected(false);
            setTimeout(open, wait);
            wait = Math.min(wait * 2, 10000);
        });
    }
    open();
    return first;
}

export function duration(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    return `${hours ? `${hours}:` : ""}${hours ? two(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)}:${two(whole % 60)}`;
}

export function ms(n) {
    return n >= 10000 ? text("s", { n: (n / 1000).toFixed(1) }) : text("ms", { n: Math.round(n) });
}

const numbers = new Intl.NumberFormat(language);
export const number = (n) => numbers.format(n);

const times = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(language, {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
});
export const clock = (seconds) => times.format(new Date(seconds * 1000));
export const day = (seconds) => days.format(new Date(seconds * 1000));
