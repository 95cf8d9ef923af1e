// Reading codes with the camera or from a picture, where the browser can; readers that type need none.

import { fill } from "./dom.js";
import { _ } from "./words.js";

const LOOK_MS = 150;
const SAME_MS = 4000; // the camera sees one code many times
const FORMATS = ["qr_code", "data_matrix", "code_128", "ean_13", "itf", "code_39"];

/**
 * Start what a page has for it. parts: {video, frame, button, photo, photoLabel, means}, elements;
 * onText(text) is called for each code. isBusy() holds the camera back.
 */
export async function startCamera(parts, onText, isBusy = () => false) {
  const known = "BarcodeDetector" in window ? await BarcodeDetector.getSupportedFormats() : [];
  const formats = FORMATS.filter((name) => known.includes(name));
  if (!formats.length) {
    fill(parts.means, _("This browser reads no codes from pictures: use a reader, or type."));
    return;
  }
  const detector = new BarcodeDetector({ formats });
  parts.photoLabel.hidden = false;
  parts.photo.addEventListener("change", (event) => readPhoto(event, detector, parts, onText));
  if (!navigator.mediaDevices) {
    fill(parts.means, _("The camera needs https; photos, readers and typing work."));
    return;
  }
  parts.button.hidden = false;
  const looking = new Looking(detector, parts, onText, isBusy);
  parts.button.addEventListener("click", () => looking.toggle());
}

async function readPhoto(event, detector, parts, onText) {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  const found = await detector.detect(await createImageBitmap(file));
  if (found.length) onText(found[0].rawValue);
  else fill(parts.means, _("There is no code to read in the picture."));
}

class Looking {
  constructor(detector, parts, onText, isBusy) {
    Object.assign(this, { detector, parts, onText, isBusy });
    this.stream = null;
    this.seen = { text: "", at: 0 };
  }

  async toggle() {
    if (this.stream) {
      for (const track of this.stream.getTracks()) track.stop();
      this.stream = null;
    } else {
      await this.open();
    }
    this.parts.frame.hidden = !this.stream;
    this.parts.button.setAttribute("aria-pressed", String(Boolean(this.stream)));
  }

  async open() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      this.parts.video.srcObject = this.stream;
      await this.parts.video.play();
      this.look();
    } catch (error) {
      fill(this.parts.means, _("The camera cannot be used: {reason}", { reason: error.message }));
    }
  }

  async look() {
    if (!this.stream) return;
    try {
      const [found] = await this.detector.detect(this.parts.video);
      if (found && !this.isBusy()) this.read(found.rawValue);
    } catch {
      // a frame that is not there yet
    }
    setTimeout(() => this.look(), LOOK_MS);
  }

  read(text) {
    const isSame = text === this.seen.text && Date.now() - this.seen.at < SAME_MS;
    this.seen = { text, at: Date.now() };
    if (!isSame) this.onText(text);
  }
}
