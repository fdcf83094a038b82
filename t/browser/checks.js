/*
 * What is asked of every page: no message of the browser, no request to
 * another host, few bytes, nothing that accessibility tools find.
 */
'use strict';

const fs = require('fs');
const path = require('path');
const { is } = require('./support.js');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = { desktop: { width: 1280, height: 860 }, telephone: { width: 390, height: 844 } };

// Watches a page; what is wrong with it gathers in the list that is returned.
function watch(page, home, weight) {
    const wrong = [];
    page.on('console', (message) => {
        // what the test itself lets go wrong, which a browser notes
        const { url } = message.location();
        if (['error', 'warning'].includes(message.type()) && !/api\/(session\/BP|make-call)/.test(url)) {
            wrong.push(`console: ${message.text()} (${url})`);
        }
    });
    page.on('pageerror', (error) => wrong.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
        if (dialog.type() === 'alert') {
            wrong.push(`alert: ${dialog.message()}`);
            dialog.dismiss().catch(() => {});
        }
    });
    page.on('request', (request) => {
        if (!request.url().startsWith(home) && !request.url().startsWith('blob:')) {
            wrong.push(`request to ${request.url()}`);
        }
    });
    page.on('response', async (response) => {
        const sizes = await response.request().sizes().catch(() => null);
        if (sizes && /\.(js|css|svg)$|\/$/.test(new URL(response.url()).pathname)) {
            weight.set(new URL(response.url()).pathname, sizes.responseBodySize);
        }
    });
    return wrong;
}

// Screenshots, light and dark, on a desk and in a hand.
async function shoot(page, shots, name, checked) {
    for (const scheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme: scheme });
        for (const [size, viewport] of Object.entries(SIZES)) {
            await page.setViewportSize(viewport);
            const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
            is(Math.max(0, wide), 0, `${name}, ${scheme}, ${size}: nothing is wider than the screen`);
            await page.screenshot({ path: path.join(shots, `${name}-${scheme}-${size}.png`) });
        }
        if (checked) {
            await accessible(page, `${name}, ${scheme}`);
        }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize(SIZES.desktop);
}

async function accessible(page, name) {
    // its script comes by the debugger, which the page's policy does not bind
    await page.evaluate(AXE);
    const found = await page.evaluate(() => window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    is(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('\n')}`)
        .join('\n'), '', `${name}: axe finds nothing`);
}

module.exports = { accessible, shoot, SIZES, watch };
