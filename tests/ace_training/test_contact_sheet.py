import cv2
import numpy as np

from ace_training.contact_sheet import SIDE, TILE_PX, write_contact_sheet

GREEN, RED = [60, 160, 60], [60, 60, 210]  # BGR


def test_shows_8_by_8_images_real_and_fake_by_turns(faces):
    sheet = cv2.imread(str(faces / "faces.png"))

    assert sheet.shape == (SIDE * TILE_PX, SIDE * TILE_PX, 3)
    corners = sheet[::TILE_PX, ::TILE_PX]
    assert all(
        corners[row, column].tolist() == (RED if (row + column) % 2 else GREEN)
        for row in range(SIDE)
        for column in range(SIDE)
    )


def test_leaves_gaps_where_images_run_out(few_faces, tmp_path):
    write_contact_sheet(few_faces, tmp_path / "sheet.png", seed=0)

    tiles = cv2.imread(str(tmp_path / "sheet.png"))[::TILE_PX, ::TILE_PX]
    assert np.sum(np.any(tiles != 255, axis=-1)) == 20
