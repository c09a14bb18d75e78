// SPDX-License-Identifier: GPL-3.0-or-later
// Texts whose contrast with what is behind them is below WCAG 2.2's AA: 4.5, and 3 for large ones. Each as "ratio element text".

const parse = (text) => {
  const numbers = text.match(/[\d.]+/g).map(Number);
  return numbers.length > 3 ? numbers : [...numbers, 1];
};
const over = (top, under) => [0, 1, 2].map((at) => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = (colour) => 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
const weak = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  const at = walker.currentNode.parentElement;
  if (!text || at.closest("script, style, noscript, svg, .hidden, .skip, :disabled, [aria-hidden='true']")) continue;
  if (!at.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
  let ground = [255, 255, 255, 1];
  let opacity = 1;
  const chain = [];
  for (let element = at; element; element = element.parentElement) chain.unshift(element);
  for (const element of chain) {
    const style = getComputedStyle(element);
    ground = over(parse(style.backgroundColor), ground);
    opacity *= Number(style.opacity);
  }
  const style = getComputedStyle(at);
  const ink = parse(style.color);
  const [one, other] = [luminance(over([ink[0], ink[1], ink[2], ink[3] * opacity], ground)), luminance(ground)];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) weak.add(`${ratio.toFixed(2)} ${at.tagName}.${at.className} ${text.slice(0, 40)}`);
}
return [...weak].slice(0, 20);
