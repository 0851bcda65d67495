"""Decodes photos with Pillow, for tests whose reference was made from photos decoded so: another decoder differs by a grey
level here and there, which is more than the logits may.

    pip install pillow
    python3 photos.py PHOTO… > pixels.raw

Writes RGB, 224×224×3 bytes for each photo.
"""

import sys

from PIL import Image

for path in sys.argv[1:]:
    photo = Image.open(path).convert("RGB")
    assert photo.size == (224, 224), (path, photo.size)
    sys.stdout.buffer.write(photo.tobytes())
