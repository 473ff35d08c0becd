// The camera: frames are read by the browser's own `BarcodeDetector` where it knows QR codes, else by the package `qr`.
import decodeQR from 'qr/decode.js';

/** How often a frame is read, milliseconds: seven a second are as quick as hands. */
const READ_EVERY_MS = 140;
/** The longest side of a frame as it is read, pixels: tickets fill a third of it, with 3 pixels for a module. */
const SIDE_MAX = 960;
/** How long one frame may take where scripts read it, milliseconds. */
const EFFORT_MS = 90;
/** For how long the same code is not read again while it is held there, milliseconds. */
const SAME_AGAIN_MS = 4_000;

interface Detector {
  detect: (source: HTMLVideoElement) => Promise<{ rawValue: string }[]>;
}
interface DetectorMaker {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats: () => Promise<string[]>;
}

async function detector(): Promise<Detector | null> {
  const Maker = (globalThis as { BarcodeDetector?: DetectorMaker }).BarcodeDetector;
  if (!Maker || !(await Maker.getSupportedFormats()).includes('qr_code')) return null;
  return new Maker({ formats: ['qr_code'] });
}

/** Light of the camera, which types of the DOM do not know. */
type Lit = MediaTrackCapabilities & { torch?: boolean };

export class Camera {
  private readonly video: HTMLVideoElement;
  private readonly canvas = document.createElement('canvas');
  private readonly onCode: (text: string) => Promise<void>;
  private native: Detector | null = null;
  private last = { text: '', at: 0 };
  private track: MediaStreamTrack | undefined;
  private lock: WakeLockSentinel | null = null;

  constructor(video: HTMLVideoElement, onCode: (text: string) => Promise<void>) {
    this.video = video;
    this.onCode = onCode;
  }

  /** Begins; rejects when there is no camera, or when it may not be used. */
  async start(): Promise<void> {
    const wanted = { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 720 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    this.track = stream.getVideoTracks()[0];
    this.video.srcObject = stream;
    this.video.hidden = false;
    await this.video.play();
    this.native = await detector().catch(() => null);
    await this.stayAwake();
    document.addEventListener('visibilitychange', () => void this.stayAwake());
    void this.watch();
  }

  get hasTorch(): boolean {
    return (this.track?.getCapabilities() as Lit | undefined)?.torch === true;
  }

  async light(on: boolean): Promise<void> {
    await this.track?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
  }

  /** Screens of devices at doors must not go dark. */
  private async stayAwake(): Promise<void> {
    if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    if (this.lock && !this.lock.released) return;
    this.lock = await navigator.wakeLock.request('screen').catch(() => null);
  }

  private async watch(): Promise<void> {
    for (;;) {
      await new Promise((next) => setTimeout(next, READ_EVERY_MS));
      if (this.track?.readyState === 'ended') return;
      if (
        document.visibilityState !== 'visible' ||
        this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA
      )
        continue;
      const text = await this.read();
      const now = performance.now();
      if (text === null) continue;
      const isSame = text === this.last.text && now - this.last.at < SAME_AGAIN_MS;
      this.last = { text, at: now };
      if (!isSame) await this.onCode(text);
    }
  }

  private async read(): Promise<string | null> {
    if (this.native) {
      const found = await this.native.detect(this.video).catch(() => []);
      return found[0]?.rawValue ?? null;
    }
    const { videoWidth, videoHeight } = this.video;
    const scale = Math.min(1, SIDE_MAX / Math.max(videoWidth, videoHeight));
    const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
    if (this.canvas.width !== width) [this.canvas.width, this.canvas.height] = [width, height];
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return null;
    context.drawImage(this.video, 0, 0, width, height);
    try {
      return decodeQR(context.getImageData(0, 0, width, height), { timeLimit: EFFORT_MS });
    } catch {
      // No code in this frame: most have none.
      return null;
    }
  }
}
