// Every text of the pages.  A translation is one more object beside "en" with
// the same keys; {name} stands for a value.

const languages = {
    en: {
        phone_title: "Browser phone",
        dashboard_title: "Calls",
        to_dashboard: "Calls",
        to_phone: "Phone",
        skip: "Skip to the content",
        sign_out: "Sign out",

        key_title: "Sign in",
        key_about: "This server asks for the key of its interface, the one of voiceai_api_key.",
        key_label: "Key",
        key_button: "Sign in",
        key_none: "No voiceai_api_key is configured, so this page may not be used. Set one, or leave the decision to nginx with voiceai_api_key off.",
        failed: "That did not work: {error}",
        offline: "The server does not answer.",

        call: "Call",
        hang_up: "Hang up",
        mute: "Mute",
        unmute: "Unmute",
        ready: "Press the button and talk with the assistant.",
        asking_microphone: "Waiting for the microphone …",
        connecting: "Connecting …",
        connecting_again: "Connecting again …",
        over: "The call is over.",
        over_lost: "The connection was lost.",
        transferred: "The assistant transfers this call to {to}. A browser cannot be transferred, so it ends here.",
        no_microphone: "There is no microphone, or it was not allowed.",
        no_audio: "This browser cannot play or record here. A page needs https or localhost for that.",
        phase_: "…",
        phase_listening: "Listening",
        phase_transcribing: "Understanding",
        phase_thinking: "Thinking",
        phase_speaking: "Speaking",
        phase_ended: "Over",
        level_you: "You",
        level_assistant: "Assistant",
        conversation: "Conversation",
        nothing_said: "Nothing has been said yet.",
        you: "You",
        caller: "Caller",
        assistant: "Assistant",
        cut: "not heard",
        interrupted: "interrupted",
        not_understood: "(not understood)",
        keypad: "Keypad",
        key_press: "Key {digit}",
        options: "Numbers of this call",
        from: "From",
        to: "To",
        options_about: "For assistants that are chosen by the number dialled.",
        recording: "Save recording",
        new_call: "Call again",

        after: "after {ms} ms",
        sure: "{percent} % sure",
        stage_silence: "Silence",
        stage_stt: "Recogniser",
        stage_llm: "Model",
        stage_tts: "Voice",
        stage_send: "Sending",
        ms: "{n} ms",
        s: "{n} s",

        live: "Live",
        not_live: "Reconnecting …",
        live_calls: "Live calls",
        live_none: "Nobody is calling now.",
        live_hint: "Open the phone to try a call.",
        back: "All calls",
        state_announced: "Announced",
        state_streaming: "On the line",
        state_reconnecting: "Reconnecting",
        state_ended: "Over",
        direction_inbound: "Incoming call",
        "direction_outbound-api": "Outgoing call",
        "direction_outbound-dial": "Outgoing call",
        duration: "Duration",
        turns: "Turns",
        interruptions: "Interruptions",
        failures: "Failures",
        latency: "Latency",
        connections: "Streams",
        call_id: "Call",
        parameters: "Parameters",
        number_unknown: "unknown",
        from_to: "{from} to {to}",
        no_such_call: "This call is not known (any more).",

        commands: "Take part",
        interrupt: "Interrupt",
        say: "Say",
        say_label: "Say to the caller",
        transfer: "Transfer",
        transfer_label: "Transfer to",
        transfer_hint: "+15550100009",
        hang_up_sure: "Hang up this call?",
        done_interrupt: "The assistant was interrupted.",
        done_say: "It is being said.",
        done_transfer: "The call is being transferred.",
        done_hangup: "The call was ended.",

        timeline: "Timeline",
        timeline_about: "Who spoke when, of what this page has seen.",
        timeline_none: "It grows as soon as somebody speaks.",
        lane_caller: "Caller",
        lane_thinking: "Thinking",
        lane_assistant: "Assistant",
        barge_in: "Barge-in",
        waterfall: "Latency of each turn",
        waterfall_about: "From the caller's last sound to the first audio of the answer.",
        waterfall_none: "No turn was answered yet.",
        turn: "Turn {n}",

        hours: "The last hours",
        hours_about: "Counted by the server in two-minute steps, for six hours at most.",
        hours_none: "No call in the last hours.",
        plot_calls: "Calls",
        plot_latency: "Latency, half and 90 % of turns",
        plot_errors: "Failures of engines",
        plot_half: "half",
        plot_most: "90 %",
        tile_live: "on the line",
        tile_calls: "calls in {hours} h",
        tile_half: "half of the turns",
        tile_most: "90 % of the turns",
        tile_failures: "failures of engines",
        tile_interruptions: "barge-ins",

        past: "Past calls",
        past_search: "Number, or how it ended",
        past_failed: "with failures",
        past_csv: "As a table (CSV)",
        past_button: "Search",
        past_none: "No call was found.",
        past_unset: "No call log is configured, so only calls of the last two minutes are known.",
        past_recent: "Just ended",
        past_more: "Show more",
        column_when: "When",
        column_from: "From",
        column_to: "To",
        column_duration: "Duration",
        column_turns: "Turns",
        column_latency: "Slowest",
        column_outcome: "Outcome",
        column_failures: "{n} failures",

        make: "Place a call",
        make_about: "Needs a Twilio account.",
        make_to: "To",
        make_from: "From",
        make_message: "First words",
        make_optional: "optional",
        make_button: "Call",
        made: "Calling {to}.",

        server: "Server",
        health_ok: "Everything is well.",
        health_bad: "The server does not answer.",
    },
};

function choose() {
    const wanted = typeof navigator === "undefined" ? [] : navigator.languages ?? [];
    for (const tag of wanted) {
        const base = tag.toLowerCase().split("-")[0];
        if (Object.hasOwn(languages, base)) {
            return base;
        }
    }
    return "en";
}

export const language = choose();
const texts = languages[language];

// The text of a key, with its values; a key that there is not is undefined.
export function text(key, values = {}) {
    if (!Object.hasOwn(texts, key)) {
        return undefined;
    }
    return texts[key].replace(/\{(\w+)\}/g, (all, name) =>
        Object.hasOwn(values, name) ? String(values[name]) : all);
}
