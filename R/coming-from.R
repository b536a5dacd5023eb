#' Coming from other software
#'
#' Where the functions of other software are found here. `vignette("coming-from")` fits the same
#' model with each of them and says what differs by default. For lme4 names are the same; see
#' [rlmm-lme4] for what is not, and [masquerade()] to run its scripts as they are.
#'
#' Everything in the right columns that looks like code can be run as it stands, given a model
#' `fit`, models `a` and `b` with the same response, and data `data` or `d`; a test does so.
#'
#' @section lmerTest:
#' Names are the same where they are not listed: \code{anova()}, \code{ranova()},
#' \code{step()}, \code{get_model()}, \code{show_tests()}.
#'
#' \tabular{ll}{
#'   lmerTest \tab here \cr
#'   \code{lmer(formula, data)} \tab \code{rlmm(formula, data)} \cr
#'   \code{contestMD(m, L)}, \code{contest1D(m, l)} \tab
#'     \code{contest(fit, L)}; \code{contest(fit, L, joint = FALSE)} \cr
#'   \code{ls_means(m)}, \code{difflsmeans(m)} \tab
#'     \code{ls_means(a)}, \code{ls_means(a, pairwise = TRUE)} \cr
#'   \code{calcSatterth(m, L)} \tab \code{contest(fit, L)} \cr
#'   \code{anova(m, ddf = "lme4")} \tab \code{anova(fit, ddf = "none")} \cr
#'   \code{as_lmerModLmerTest(m)} \tab \code{as_rlmm(m)}; \code{as_merMod(fit)} the other way \cr
#' }
#'
#' @section nlme:
#'
#' \tabular{ll}{
#'   nlme \tab here \cr
#'   \code{lme(y ~ x, d, ~ x | g)} \tab \code{rlmm(y ~ x + (x | g), d)} \cr
#'   \code{random = ~ 1 | g/h} \tab \code{rlmm(y ~ x + (1 | g/h), d)} \cr
#'   \code{random = list(g = pdDiag(~ x))} \tab \code{rlmm(y ~ x + (x || g), d)} \cr
#'   \code{method = "ML"} \tab \code{rlmm(formula, data, REML = FALSE)} \cr
#'   \code{weights = varFixed(~ v)} \tab \code{rlmm(y ~ x + (x | g), d, weights = 1 / v)} \cr
#'   other variance functions, \code{correlation} \tab not here: use nlme \cr
#'   \code{getVarCov(m)}, \code{VarCorr(m)} \tab \code{VarCorr(fit)} \cr
#'   \code{intervals(m)} \tab \code{intervals(fit)}; \code{confint(fit)} by profile likelihood \cr
#'   \code{anova(m, type = "sequential")}, its default \tab \code{anova(fit, type = "I")} \cr
#'   \code{anova(m, type = "marginal")} \tab \code{anova(fit)} \cr
#'   \code{anova(m1, m2)}, of REML fits \tab \code{anova(a, b, refit = FALSE)} \cr
#'   \code{predict(m, level = 0)}, \code{level = 1} \tab
#'     \code{predict(fit, re.form = NA)}, \code{predict(fit)} \cr
#'   \code{resid(m, type = "pearson")} \tab \code{residuals(fit, scaled = TRUE)} \cr
#' }
#'
#' @section glmmTMB:
#'
#' \tabular{ll}{
#'   glmmTMB \tab here \cr
#'   \code{glmmTMB(formula, data)} \tab \code{rlmm(formula, data, REML = FALSE)} \cr
#'   \code{glmmTMB(formula, data, REML = TRUE)} \tab \code{rlmm(formula, data)} \cr
#'   \code{diag(x | g)} \tab \code{rlmm(y ~ x + (x || g), d)} \cr
#'   \code{ar1()}, \code{cs()} and other structures, \code{dispformula}, families \tab
#'     not here: use glmmTMB \cr
#'   \code{fixef(m)$cond}, \code{ranef(m)$cond} \tab \code{fixef(fit)}, \code{ranef(fit)} \cr
#'   \code{VarCorr(m)$cond} \tab \code{VarCorr(fit)} \cr
#'   \code{confint(m)} \tab \code{intervals(fit)} \cr
#'   \code{vcov(m, full = TRUE)} \tab \code{vcov_theta(fit)} for the variance parameters \cr
#'   \code{diagnose(m)} \tab \code{optinfo(fit)}, \code{rePCA(fit)} \cr
#' }
#'
#' @section MixedModels.jl:
#'
#' \tabular{ll}{
#'   MixedModels.jl \tab here \cr
#'   \code{fit(MixedModel, @formula(...), d)} \tab \code{rlmm(formula, data, REML = FALSE)} \cr
#'   \code{zerocorr(x | g)} \tab \code{rlmm(y ~ x + (x || g), d)} \cr
#'   \code{m.optsum}, \code{m.optsum.fitlog} \tab \code{optinfo(fit)}, \code{optinfo(fit)$trace} \cr
#'   \code{parametricbootstrap(n, m)} \tab
#'     \code{bootMer(fit, nsim = 200)}, \code{confint(fit, method = "boot", nsim = 200)} \cr
#'   \code{likelihoodratiotest(a, b)} \tab \code{anova(a, b)} \cr
#'   \code{simulate!}, \code{refit!} \tab \code{simulate(fit)}, \code{refit(fit, y)} \cr
#'   \code{raneftables(m)}, \code{condVar(m)} \tab
#'     \code{as.data.frame(ranef(fit))}, \code{attr(ranef(fit)$Subject, "postVar")} \cr
#'   \code{issingular(m)}, \code{rePCA} \tab \code{isSingular(fit)}, \code{rePCA(fit)} \cr
#'   \code{leverage}, \code{cooksdistance} \tab
#'     \code{hatvalues(fit)}, \code{cooks.distance(fit)} \cr
#'   \code{shrinkageplot!}, \code{caterpillar!} \tab
#'     \code{plot_shrinkage(fit)}, \code{dotplot(ranef(fit))} \cr
#' }
#'
#' @section statsmodels:
#' MixedLM of statsmodels, with columns \code{y}, \code{x} and groups \code{g}, \code{h}.
#'
#' \tabular{ll}{
#'   statsmodels \tab here \cr
#'   \code{mixedlm("y ~ x", d, groups = "g")} \tab \code{rlmm(y ~ x + (1 | g), d)} \cr
#'   \code{re_formula = "~x"} \tab \code{rlmm(y ~ x + (x | g), d)} \cr
#'   \code{re_formula = "~0 + x"} \tab \code{rlmm(y ~ x + (0 + x | g), d)} \cr
#'   \code{re_formula = "1"}, \code{vc_formula = {"h": "0 + C(h)"}} \tab
#'     \code{rlmm(y ~ x + (1 | g) + (1 | g:h), d)} \cr
#'   \code{re_formula = "1"}, \code{vc_formula = {"s": "0 + x"}} \tab
#'     \code{rlmm(y ~ x + (1 | g) + (0 + x | g), d)} \cr
#'   \code{groups} all ones, \code{vc_formula} of two factors \tab
#'     \code{rlmm(y ~ x + (1 | g) + (1 | k), d)}: crossed \cr
#'   \code{fit(reml = False)} \tab \code{rlmm(formula, data, REML = FALSE)} \cr
#'   \code{fit(free = ...)} \tab
#'     \code{fit_constrained(fit, c("cor_Days.(Intercept)|Subject" = 0))} \cr
#'   group sizes in \code{summary()} \tab
#'     \code{summary(fit, group.sizes = TRUE)}, \code{group_sizes(fit)} \cr
#'   \code{fe_params}, \code{llf} \tab \code{fixef(fit)}, \code{logLik(fit)} \cr
#'   \code{scale}, \code{cov_re} \tab \code{sigma(fit)^2}, \code{VarCorr(fit)} \cr
#'   standard errors of variances \tab
#'     \code{variance_parameters(fit, "variance")}; those of statsmodels are on another scale \cr
#'   \code{profile_re()} \tab \code{profile(fit, which = "theta_")} \cr
#'   \code{random_effects}, \code{random_effects_cov} \tab
#'     \code{ranef(fit)}, \code{attr(ranef(fit)$Subject, "postVar")} \cr
#'   \code{fittedvalues}, \code{predict()} \tab
#'     \code{fitted(fit)}; \code{predict(fit, re.form = NA)} \cr
#'   \code{t_test()}, \code{wald_test()} \tab
#'     \code{contest(fit, L)}, \code{car::linearHypothesis(fit, "Days = 10")} \cr
#'   \code{bse}, z tests \tab \code{coef(summary(fit))}, with t tests \cr
#'   \code{conf_int()} \tab \code{confint(fit, "beta_", method = "Wald")} \cr
#'   \code{converged} \tab \code{optinfo(fit)$certificate$certified} \cr
#' }
#'
#' @section pymer4:
#' \code{result_tables()} has all of a model's attributes as data frames in one call.
#'
#' \tabular{ll}{
#'   pymer4 \tab here \cr
#'   \code{lmer(formula, data).fit()} \tab \code{rlmm(formula, data)} \cr
#'   \code{.fit(REML = False)} \tab \code{rlmm(formula, data, REML = FALSE)} \cr
#'   \code{.fit(conf_method = "boot")} \tab
#'     \code{result_tables(fit, "boot", nsim = 200)},
#'     \code{confint(fit, method = "boot", nsim = 200)} \cr
#'   \code{.params} \tab \code{result_tables(fit)$params}, \code{fixef(fit)} \cr
#'   \code{.ranef} \tab \code{result_tables(fit)$ranef}, \code{ranef(fit)} \cr
#'   \code{.ranef_var} \tab \code{result_tables(fit)$ranef_var}, \code{variance_parameters(fit)} \cr
#'   \code{.fixef} \tab \code{result_tables(fit)$fixef}, \code{coef(fit)} \cr
#'   \code{.result_fit} \tab \code{result_tables(fit)$result_fit}, \code{coef(summary(fit))} \cr
#'   \code{.result_fit_stats} \tab
#'     \code{result_tables(fit)$result_fit_stats}, \code{fit_statistics(fit)} \cr
#'   \code{.anova()}, \code{.result_anova} \tab
#'     \code{result_tables(fit)$result_anova}, \code{anova(fit)} \cr
#'   \code{.summary()} \tab \code{summary(fit)} \cr
#'   \code{compare(a, b)} \tab \code{anova(a, b)} \cr
#'   \code{.show_logs()} \tab \code{result_tables(fit)$logs}, \code{fit_log(fit)} \cr
#'   \code{.convergence_status} \tab
#'     \code{result_tables(fit)$convergence_status}, \code{optinfo(fit)$certificate} \cr
#'   \code{.empredict(at)} \tab \code{emmeans::emmeans(fit, "Days", at = list(Days = 0:9))} \cr
#'   \code{.emmeans(specs, contrasts)} \tab
#'     \code{emmeans::contrast(emmeans::emmeans(a, "h"), "pairwise")} \cr
#'   \code{.simulate()}, \code{.predict(data)} \tab
#'     \code{simulate(fit)}, \code{predict(fit, data)} \cr
#'   \code{.vif()} \tab \code{car::vif(a)} \cr
#'   \code{.report()} \tab \code{report_text(fit)} \cr
#'   \code{.set_factors()} \tab \code{transform(data, Subject = factor(Subject))} \cr
#'   \code{.set_contrasts()} \tab
#'     \code{rlmm(y ~ h + (1 | g), d, contrasts = list(h = "contr.sum"))} \cr
#' }
#'
#' @name coming-from
#' @aliases rlmm-coming-from
#' @examples
#' # statsmodels' first example: growth of pigs
#' pigs <- rlmm(Weight ~ Time + (1 | Pig), dietox)
#' coef(summary(pigs))
#' group_sizes(pigs)
#' # what pymer4 keeps with a model
#' result_tables(pigs)$ranef_var
NULL
