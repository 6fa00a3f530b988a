// What a scan sounds like: short and high for taken, long and low for not. A browser lets a page sound once somebody has touched it.
(() => {
  "use strict";
  let context = null;
  window.scanSound = (kind) => {
    const Sound = window.AudioContext || window.webkitAudioContext;
    if (!Sound || (kind !== "bad" && kind !== "good")) return;
    try {
      context = context || new Sound();
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.type = kind === "bad" ? "square" : "sine";
      tone.frequency.value = kind === "bad" ? 180 : 1100;
      volume.gain.value = 0.15;
      tone.connect(volume).connect(context.destination);
      tone.start();
      tone.stop(context.currentTime + (kind === "bad" ? 0.45 : 0.08));
      if (kind === "bad" && navigator.vibrate) navigator.vibrate(300);
    } catch (fault) { /* A page without sound still says it in words. */ }
  };
})();
