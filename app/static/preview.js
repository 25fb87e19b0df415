/* Établi: the layers of a G-code file, drawn over the bed. Without it the page shows the outline and says the sizes. */
"use strict";

(() => {
  const UNITS = 20; // numbers a millimetre, as machines/printing/preview.py packs them
  const BREAK = -32768; // stands before a stretch that begins anew
  const AROUND = 0.06; // margin beside the bed

  /** [{ z, numbers }] from the bytes: count, a table of heights and counts, then all numbers. */
  function unpack(buffer) {
    const view = new DataView(buffer);
    const count = view.getUint32(0, true);
    let place = 4 + 8 * count;
    return Array.from({ length: count }, (_none, index) => {
      const size = view.getUint32(8 + 8 * index, true);
      const layer = { z: view.getFloat32(4 + 8 * index, true), numbers: new Int16Array(buffer, place, size) };
      place += 2 * size;
      return layer;
    });
  }

  function bounds(layers, [width, depth]) {
    let [west, south, east, north] = [0, 0, width, depth];
    for (const { numbers } of layers)
      for (let i = 0; i < numbers.length; i += 2) {
        if (numbers[i] === BREAK) i += 1;
        const [x, y] = [numbers[i] / UNITS, numbers[i + 1] / UNITS];
        [west, east, south, north] = [Math.min(west, x), Math.max(east, x), Math.min(south, y), Math.max(north, y)];
      }
    const margin = AROUND * Math.max(width, depth);
    return { left: west - margin, top: north + margin, width: east - west + 2 * margin, height: north - south + 2 * margin };
  }

  function trace(numbers) {
    const path = new Path2D();
    for (let i = 0; i < numbers.length; i += 2) {
      const begins = numbers[i] === BREAK;
      if (begins) i += 1;
      path[begins ? "moveTo" : "lineTo"](numbers[i] / UNITS, numbers[i + 1] / UNITS);
    }
    return path;
  }

  class Preview {
    constructor(figure, layers) {
      this.canvas = figure.querySelector("canvas");
      this.slider = figure.querySelector("input");
      this.output = figure.querySelector("output");
      this.words = figure.dataset.words;
      this.bed = figure.dataset.bed.split(" ").map(Number);
      this.layers = layers;
      this.view = bounds(layers, this.bed);
      this.slider.max = layers.length;
      this.slider.value = layers.length;
      this.slider.addEventListener("input", () => this.later());
      figure.querySelector("svg").setAttribute("hidden", "");
      this.canvas.hidden = this.slider.parentElement.hidden = false;
      new ResizeObserver(() => this.later()).observe(this.canvas);
      new MutationObserver(() => this.later()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
      this.later();
    }

    later() {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.draw());
    }

    say(number) {
      const { z } = this.layers[number - 1];
      const height = z.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 2 });
      const text = this.words.replace("{0}", number).replace("{1}", this.layers.length).replace("{2}", height);
      this.output.textContent = text;
      this.slider.setAttribute("aria-valuetext", text);
    }

    /** The chosen layer over those below it; the colours are the canvas's own, so they follow the theme. */
    draw() {
      const number = Number(this.slider.value);
      const { canvas, view } = this;
      const style = getComputedStyle(canvas);
      const ratio = devicePixelRatio || 1;
      const wide = canvas.clientWidth;
      canvas.width = wide * ratio;
      canvas.height = (wide * ratio * view.height) / view.width;
      const scale = canvas.width / view.width;
      const pen = canvas.getContext("2d");
      pen.setTransform(scale, 0, 0, -scale, -view.left * scale, view.top * scale);
      pen.lineJoin = pen.lineCap = "round";
      pen.lineWidth = ratio / scale;
      pen.strokeStyle = style.borderTopColor;
      pen.strokeRect(0, 0, ...this.bed);
      pen.globalAlpha = 0.35;
      pen.strokeStyle = style.outlineColor;
      for (const layer of this.layers.slice(0, number - 1)) pen.stroke((layer.path ??= trace(layer.numbers)));
      pen.globalAlpha = 1;
      pen.lineWidth = Math.max(0.4, (1.25 * ratio) / scale);
      pen.strokeStyle = style.color;
      const top = this.layers[number - 1];
      pen.stroke((top.path ??= trace(top.numbers)));
      this.say(number);
    }
  }

  async function begin(figure) {
    try {
      const answer = await fetch(figure.dataset.layers);
      if (!answer.ok) throw new Error(answer.statusText);
      const layers = unpack(await answer.arrayBuffer());
      if (layers.length) new Preview(figure, layers);
    } catch {
      figure.querySelector("figcaption").append(` ${figure.dataset.failed}`);
    }
  }

  document.querySelectorAll("[data-layers]").forEach(begin);
})();
