/* global uPlot */
// A curve, drawn by uPlot in the page's colours.
import { time } from './format.js';

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Possible distances of time marks, in seconds; only whole seconds, as the labels show no fraction.
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

/**
 * @param {HTMLElement} place The element to fill.
 * @param {{ line: string, fill: string, axes: boolean, fromZero: boolean, label: (value: number) => string, pointed?: (index: number | null) => void, isStepped?: boolean }} look
 * @returns {(times: number[], values: number[]) => void} Draws; times in seconds. A stepped curve has point numbers instead of times, and no time marks.
 */
export function curve(place, look) {
  let plot = null;
  let data = [[], []];

  function make() {
    plot?.destroy();
    const axis = { stroke: style('--quiet'), font: '12px system-ui, sans-serif', grid: { stroke: style('--grid'), width: 1 }, ticks: { show: false } };
    plot = new uPlot({
      width: place.clientWidth,
      height: place.clientHeight,
      legend: { show: false },
      cursor: { show: look.axes, y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { time: !look.isStepped }, y: { range: look.fromZero ? (_, __, max) => [0, Math.max(1, max * 1.1)] : undefined } },
      axes: look.axes
        ? [look.isStepped ? { show: false } : { ...axis, space: 90, size: 30, incrs: steps, values: (_, ticks) => ticks.map(seconds => time(seconds * 1000)) }, { ...axis, size: 68, values: (_, ticks) => ticks.map(look.label) }]
        : [{ show: false }, { show: false }],
      padding: look.axes ? [8, 12, 0, 0] : [4, 2, 2, 2],
      series: [{}, { stroke: style(look.line), fill: style(look.fill), width: 2, points: { show: false }, paths: look.isStepped ? uPlot.paths.stepped({ align: 1 }) : undefined }],
      hooks: { setCursor: [self => look.pointed?.(self.cursor.idx ?? null)] },
    }, data, place);
  }

  const draw = () => {
    if (place.clientWidth === 0) {
      return;
    }

    plot === null ? make() : plot.setData(data);
  };

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot && make());
  new ResizeObserver(() => (plot === null ? draw() : plot.setSize({ width: place.clientWidth, height: place.clientHeight }))).observe(place);
  return (times, values) => {
    data = [times, values];
    draw();
  };
}
