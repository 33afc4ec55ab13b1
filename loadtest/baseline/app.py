"""What people build today, to hold the server to: the detector's card as a FastAPI app.

OpenCV decodes, `keras` predicts, one image at a time, in the threads that FastAPI runs such a function in:

    make baseline     # DETECTOR=runs/fit/detector.keras uvicorn app:app --port 8600
    python -m ace_loadtest compare http://127.0.0.1:8600/predict 127.0.0.1:8500 --rate 5 --images runs/faces/test
"""

import os

import cv2
import keras
import numpy as np
from fastapi import FastAPI, HTTPException, UploadFile

app = FastAPI()
model = keras.saving.load_model(os.environ["DETECTOR"], compile=False)
height, width = model.input_shape[1:3]


@app.post("/predict")
def predict(file: UploadFile) -> dict[str, float]:
    """How likely the image is fake."""
    image = cv2.imdecode(np.frombuffer(file.file.read(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise HTTPException(400, "no image that OpenCV decodes")
    pixels = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), (width, height))
    batch = pixels[np.newaxis].astype(np.float32) / 127.5 - 1
    return {"prob_fake": float(model.predict(batch, verbose=0).reshape(-1)[0])}
