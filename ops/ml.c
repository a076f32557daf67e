/* ml.c - ai.onnx.ml. */
#include "ops/op.h"

/* ML_ArrayFeatureExtractor */
bool infer_ml_array_feature_extractor(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_Binarizer */
bool infer_ml_binarizer(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_CastMap */
bool infer_ml_cast_map(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_CategoryMapper */
bool infer_ml_category_mapper(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_DictVectorizer */
bool infer_ml_dict_vectorizer(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_FeatureVectorizer */
bool infer_ml_feature_vectorizer(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_Imputer */
bool infer_ml_imputer(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_LabelEncoder */
bool infer_ml_label_encoder(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_LinearClassifier */
bool infer_ml_linear_classifier(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_LinearRegressor */
bool infer_ml_linear_regressor(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_Normalizer */
bool infer_ml_normalizer(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_OneHotEncoder */
bool infer_ml_one_hot_encoder(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_SVMClassifier */
bool infer_ml_svm_classifier(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_SVMRegressor */
bool infer_ml_svm_regressor(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_Scaler */
bool infer_ml_scaler(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_TreeEnsemble */
bool infer_ml_tree_ensemble(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_TreeEnsembleClassifier */
bool infer_ml_tree_ensemble_classifier(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_TreeEnsembleRegressor */
bool infer_ml_tree_ensemble_regressor(ox_infer *c)
{
	(void)c;
	return true;
}

/* ML_ZipMap */
bool infer_ml_zip_map(ox_infer *c)
{
	(void)c;
	return true;
}
