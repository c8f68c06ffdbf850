"""A picture as a whole DICOM radiograph, of a patient, in a study: as a PACS takes it."""

from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid


def write_radiograph(picture: Path, file: Path, number: int) -> None:
    """Film ``number`` of patient ``number // 2``, one study each."""
    pixels = np.asarray(Image.open(picture))
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = ComputedRadiographyImageStorage
    film.SOPInstanceUID = generate_uid(entropy_srcs=["instance", file.stem])
    film.SeriesInstanceUID = generate_uid(entropy_srcs=["series", file.stem])
    film.StudyInstanceUID = generate_uid(entropy_srcs=["study", file.stem])
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    film.PatientID, film.PatientName = f"MRN-{number // 2}", f"Doe^Jane{number // 2}"
    film.PatientBirthDate, film.PatientSex = "19500102", "F"
    film.StudyID, film.StudyDate, film.StudyTime = f"S{number}", "20200304", "101112"
    film.AccessionNumber, film.ReferringPhysicianName = f"ACC{number}", "Roe^Richard"
    film.Modality, film.Manufacturer = "CR", "phantom"
    film.BodyPartExamined, film.ViewPosition = "CHEST", "PA"
    film.Laterality, film.PatientOrientation = "", ["L", "F"]
    film.SeriesNumber, film.InstanceNumber = 1, 1
    film.PixelSpacing = [0.2, 0.25]
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 8, 8, 7, 0
    film.PixelData = pixels.tobytes()
    film.save_as(file, enforce_file_format=True)
