// Small charts in SVG: bars and lines over time, and the lanes of a call.

import { clock, duration, ms, number } from "./page.js";
import { text } from "./strings.js";

const WIDTH = 360;
const HEIGHT = 150;
const LEFT = 52;
const BOTTOM = 20;
const TOP = 10;

function svg(name, attributes = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) {
        node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
}

// A round number that is not below n.
function round(n) {
    const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
    return [1, 2, 5, 10].find((step) => step * power >= n) * power;
}

// The frame of a plot: from and to in seconds, top the highest value.
function frame(label, from, to, top, format) {
    const x = (time) => LEFT + (WIDTH - LEFT) * (time - from) / (to - from);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(value, top) / top);
    const plot = svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
    for (const part of [0, 0.5, 1]) {
        if (part === 0.5 && top < 2) {
            continue;
        }
        plot.append(
            svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(top * part), y2: y(top * part) }),
            svg("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, format(top * part)));
    }
    for (const [part, anchor] of [[0, "start"], [0.5, "middle"], [1, "end"]]) {
        const time = from + (to - from) * part;
        plot.append(svg("text", { x: x(time), y: HEIGHT - 4, "text-anchor": anchor }, clock(time)));
    }
    return { plot, x, y };
}

// points: [{ time, value }], each span seconds wide.
export function bars(label, kind, points, from, to, span) {
    const top = round(Math.max(1, ...points.map((point) => point.value)));
    const { plot, x, y } = frame(label, from, to, top, number);
    for (const { time, value } of points.filter((point) => point.value > 0)) {
        plot.append(svg("rect", {
            class: `${kind}-bar`, x: x(time), y: y(value), rx: 1,
            width: Math.max(1.5, x(time + span) - x(time) - 1), height: y(0) - y(value),
        }));
    }
    return plot;
}

// lines: [[kind, [{ time, value }]]]; a gap of more than three spans is a gap.
export function lines(label, series, from, to, span) {
    const top = round(Math.max(500, ...series.flatMap(([, points]) => points.map((p) => p.value))));
    const { plot, x, y } = frame(label, from, to, top, ms);
    for (const [kind, points] of series) {
        let path = "";
        let last = -Infinity;
        for (const { time, value } of points) {
            path += `${time - last > 3 * span ? "M" : "L"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
            last = time;
            plot.append(svg("circle", { class: `point-${kind}`, cx: x(time), cy: y(value), r: 2.4 }));
        }
        plot.append(svg("path", { class: `line-${kind}`, d: path }));
    }
    return plot;
}

const lanes = ["caller", "thinking", "assistant"];

// segments: [{ lane, from, to }] and barges: [time], all in seconds; width is
// that of the place in which it will stand.
export function timeline(segments, barges, from, to, place) {
    const height = 116;
    const left = 84;
    const width = Math.max(240, place);
    const x = (time) => left + (width - left) * (Math.max(time, from) - from) / (to - from);
    const count = (lane) => segments.filter((segment) => segment.lane === lane).length;
    const label = `${text("timeline")}: ${lanes.map((lane) => `${text(`lane_${lane}`)} ${count(lane)}`).join(", ")}, ` +
        `${text("barge_in")} ${barges.length}`;
    const plot = svg("svg", { class: "plot exact", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
    lanes.forEach((lane, i) => {
        const y = 6 + i * 29;
        plot.append(
            svg("text", { x: 0, y: y + 15 }, text(`lane_${lane}`)),
            svg("line", { class: "grid", x1: left, x2: width, y1: y + 11, y2: y + 11 }));
        for (const segment of segments.filter((one) => one.lane === lane && one.to > from)) {
            plot.append(svg("rect", {
                class: lane, x: x(segment.from), y, height: 22, rx: 3,
                width: Math.max(2, x(segment.to) - x(segment.from)),
            }));
        }
    });
    for (const time of barges.filter((one) => one > from)) {
        plot.append(svg("line", { class: "barge", x1: x(time), x2: x(time), y1: 2, y2: 90 }));
    }
    plot.append(
        svg("text", { x: left, y: height - 4 }, `−${duration(to - from)}`),
        svg("text", { x: width, y: height - 4, "text-anchor": "end" }, clock(to)));
    return plot;
}

// The value below which a share of the turns lies, from counts between bounds;
// within a bin as if its turns were spread evenly.
export function percentile(bins, bounds, share) {
    const all = bins.reduce((sum, n) => sum + n, 0);
    let left = all * share;
    for (let i = 0; i < bins.length; i++) {
        if (left <= bins[i] && bins[i] > 0) {
            const low = i ? bounds[i - 1] : 0;
            const high = bounds[i] ?? bounds.at(-1);
            return low + (high - low) * left / bins[i];
        }
        left -= bins[i];
    }
    return bounds.at(-1);
}
